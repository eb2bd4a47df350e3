// The coefficients of a score network by network, and of all their units together (figure 10).
import * as Plot from "@observablehq/plot";
import { scoreTitle } from "../../model/scores";
import type { Row } from "../../page/blocks";
import { Chart, useSvg } from "../../shared/chart";
import { DataTable } from "../../shared/datatable";
import { capital, fixed } from "../../shared/numbers";
import { Panel } from "../../shared/panel";
import { type Palette, palette } from "../../state/theme";
import {
  type Coefficient,
  type Correlation,
  coefficientText,
  density,
  KIND_NAMES,
  KINDS,
  type Kind,
  pooled,
  spread,
} from "./coefficients";

const HELP =
  "Each tick is one further network, trained from another seed: the coefficient of the score with " +
  "the drop over its own units. The hill is their density (Gaussian kernel, Scott's bandwidth). " +
  "The bar below is the coefficient of all their units together with its 95 % interval; whole " +
  "networks are resampled for it.";

export interface PopulationProps {
  readonly all: readonly Correlation[];
  readonly members: readonly Correlation[];
  readonly score: string;
}

/** What is drawn of one kind of coefficient. */
interface Hill {
  readonly kind: Kind;
  readonly values: readonly number[];
  readonly whole: Coefficient | undefined;
}

export function Population({ all, members, score }: PopulationProps) {
  const { keep, picture } = useSvg(`networks-by-${score}`);
  const colours = palette.value;
  const whole = pooled(all, score);
  const hills = KINDS.map((kind) => ({
    kind,
    values: members.map((each) => each[kind].value).filter(Number.isFinite),
    whole: whole?.[kind],
  }));
  const says = inWords(score, members.length, hills);
  return (
    <Panel
      name="score-over-networks"
      title="Does it hold for further networks?"
      says={says}
      help={HELP}
      csv={() => [...members, ...(whole ? [whole] : [])].map(rowOf)}
      picture={picture}
    >
      <Chart label={says} options={(width) => plot(hills, width, colours)} drawn={keep} />
      <details class="help">
        <summary>The numbers as a table</summary>
        <DataTable
          label="Coefficients of each network"
          rows={members.map(({ over, pearson, spearman }) => ({
            over,
            pearson: coefficientText(pearson),
            spearman: coefficientText(spearman),
          }))}
          columns={[
            ["over", "network"],
            ["pearson", "Pearson"],
            ["spearman", "Spearman"],
          ]}
        />
      </details>
    </Panel>
  );
}

function inWords(score: string, n: number, hills: readonly Hill[]): string {
  const told = hills.map(({ kind, values, whole }) => {
    const { mean, sd } = spread(values);
    const units = whole ? `; all units together ${coefficientText(whole)}` : "";
    return `${KIND_NAMES[kind]} mean ${fixed(mean)}, SD ${fixed(sd)}${units}.`;
  });
  return `${capital(scoreTitle(score))} and the drop in ${n} further networks. ${told.join(" ")}`;
}

function rowOf({ over, score, pearson, spearman, n }: Correlation): Row {
  return { over, score, pearson: pearson.value, spearman: spearman.value, n };
}

const STEPS = 400;
const GRID = Array.from({ length: STEPS + 1 }, (_, i) => -1.2 + (2.4 * i) / STEPS);

function plot(hills: readonly Hill[], width: number, colours: Palette): Plot.PlotOptions {
  return {
    height: 320,
    marginLeft: 16,
    marginBottom: 42,
    marginRight: 16,
    marginTop: 28,
    x: {
      domain: [-1.05, 1.05],
      label: "coefficient over the units of a network",
      labelOffset: 36,
      ticks: width < 480 ? 5 : 9,
    },
    y: { axis: null, domain: [-0.4, 1.05] },
    fy: { domain: hills.map(({ kind }) => kind), axis: null, padding: 0.12 },
    marks: [
      Plot.ruleX([0], { stroke: colours.line }),
      ...hills.flatMap((hill, i) => marksOf(hill, colours.series[i] ?? colours.ink, colours)),
    ],
  };
}

/** A hill with its ticks below, and the bar of all units; heights are shares of the hill's top. */
function marksOf({ kind, values, whole }: Hill, colour: string, colours: Palette): Plot.Markish[] {
  if (values.length === 0) return [];
  const heights = density(values, GRID);
  const top = Math.max(...heights);
  const line = GRID.map((x, i) => ({ x, y: (heights[i] ?? 0) / top })).filter(
    ({ x }) => Math.abs(x) <= 1.05,
  );
  const bar = whole && Number.isFinite(whole.value) ? [whole] : [];
  const here = { fy: () => kind };
  return [
    Plot.areaY(line, { x: "x", y: "y", fill: colour, fillOpacity: 0.18, ...here }),
    Plot.lineY(line, { x: "x", y: "y", stroke: colour, strokeWidth: 2, ...here }),
    Plot.ruleX(values, { x: Number, y1: -0.04, y2: -0.18, stroke: colour, ...here }),
    Plot.ruleY(bar, { x1: "low", x2: "high", y: -0.3, stroke: colours.ink, ...here }),
    Plot.dot(bar, { x: "value", y: -0.3, r: 4, fill: colours.ink, symbol: "square", ...here }),
    Plot.text([KIND_NAMES[kind]], {
      // where the hill is not
      frameAnchor: spread(values).mean < 0 ? "top-right" : "top-left",
      dy: 8,
      fill: colour,
      fontWeight: "bold",
      fontSize: 13,
      ...here,
    }),
  ];
}
