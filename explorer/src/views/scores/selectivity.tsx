// Is a class held by a few units, or by all of them? (figure 11)
import * as Plot from "@observablehq/plot";
import { number } from "../../model/columns";
import type { Row } from "../../page/blocks";
import { Chart, useSvg } from "../../shared/chart";
import { DataTable } from "../../shared/datatable";
import { fixed } from "../../shared/numbers";
import { Panel } from "../../shared/panel";
import { type Palette, palette } from "../../state/theme";

const HELP =
  "For each network and class: the standard deviation, over the network's units, of the drop that " +
  "the ablation of one unit costs this class. Large means that a few units hold the class, small " +
  "that all units hold it alike. Dots are the further networks, the bar is their mean.";

export interface SelectivityProps {
  readonly rows: readonly Row[];
  readonly classes: readonly string[];
}

export interface Deviation {
  readonly class: string;
  readonly network: string;
  readonly value: number;
}

export function Selectivity({ rows, classes }: SelectivityProps) {
  const { keep, picture } = useSvg("selectivity");
  const colours = palette.value;
  const found = deviations(rows);
  const networks = found.filter(({ network }) => network !== "mean");
  const means = found.filter(({ network }) => network === "mean");
  const says = inWords(means, new Set(networks.map(({ network }) => network)).size);
  return (
    <Panel
      name="selectivity"
      title="How selectively the units hold each class"
      says={says}
      help={HELP}
      csv={() => rows}
      picture={picture}
    >
      <Chart label={says} options={() => plot(networks, means, classes, colours)} drawn={keep} />
      <details class="help">
        <summary>The numbers as a table</summary>
        <DataTable
          label="Mean deviation of each class"
          rows={means.map((mean) => ({ class: mean.class, mean: mean.value }))}
          columns={[
            ["class", "class"],
            ["mean", "SD of the drop over the units, mean of the networks (pp)"],
          ]}
        />
      </details>
    </Panel>
  );
}

function deviations(rows: readonly Row[]): Deviation[] {
  return rows.map((row) => ({
    class: String(row.class),
    network: String(row.network),
    value: number(row.deviation_pp),
  }));
}

function inWords(means: readonly Deviation[], networks: number): string {
  const [most] = [...means].sort((a, b) => b.value - a.value);
  const [least] = [...means].sort((a, b) => a.value - b.value);
  if (!most || !least) return "No class was measured.";
  const told = ({ class: name, value }: Deviation) => `class ${name} (${fixed(value, 1)}\u00a0pp)`;
  return `Mean of ${networks} further networks: most selectively held is ${told(most)}, least ${told(least)}.`;
}

function plot(
  networks: readonly Deviation[],
  means: readonly Deviation[],
  classes: readonly string[],
  colours: Palette,
): Plot.PlotOptions {
  const longest = Math.max(...classes.map((name) => name.length));
  return {
    height: 66 + 26 * classes.length,
    marginLeft: Math.min(24 + 7 * longest, 140),
    marginBottom: 42,
    marginRight: 12,
    x: {
      label: "SD of the drop over the units (pp)",
      labelOffset: 36,
      grid: true,
      zero: true,
      nice: true,
    },
    y: { domain: classes, label: "class", labelAnchor: "top", tickSize: 0 },
    marks: [
      Plot.dot(networks, {
        x: "value",
        y: "class",
        r: 3.5,
        fill: colours.series[0],
        fillOpacity: 0.45,
        title: ({ network, value }: Deviation) => `${network}: ${fixed(value)} pp`,
      }),
      Plot.tickX(means, {
        x: "value",
        y: "class",
        stroke: colours.ink,
        strokeWidth: 3,
        insetTop: 3,
        insetBottom: 3,
        title: ({ value }: Deviation) => `mean: ${fixed(value)} pp`,
      }),
    ],
  };
}
