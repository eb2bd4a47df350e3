// The distribution of drops as two histograms, of similar groups and of random ones.
import * as Plot from "@observablehq/plot";
import { mean } from "../../model/columns";
import type { Design, Group } from "../../model/groups";
import type { Palette } from "../../state/theme";
import { edgesOf } from "./histogram";

export const NAMES: Readonly<Record<Design, string>> = {
  similar_groups: "similar",
  random_groups: "random",
};

const MOST_BINS = 40;

/** A half for each design; the group chosen is marked. */
export function histograms(
  groups: readonly Group[],
  group: Group | null,
  look: Palette,
): Plot.PlotOptions {
  const fy = ({ design }: Group) => NAMES[design];
  const designs = [...new Set(groups.map(({ design }) => design))];
  const n = Math.max(...groups.map(({ total }) => total));
  const drops = groups.map(({ drop }) => drop);
  const thresholds = edgesOf(drops, n, MOST_BINS);
  const [blue, red] = [look.series[0] ?? look.ink, look.series[1] ?? look.ink];
  const means = designs.map((design) => ({
    design,
    drop: mean(groups.filter((each) => each.design === design).map(({ drop }) => drop)),
  }));
  const marked = group === null ? [] : [group];
  return {
    height: 60 + 120 * designs.length,
    marginLeft: 56,
    marginRight: 64,
    marginBottom: 40,
    x: {
      label: "drop (pp)",
      labelAnchor: "center",
      labelOffset: 32,
      labelArrow: "none",
      nice: true,
    },
    y: { label: "share of groups (%)", percent: true, ticks: 4, grid: true, labelArrow: "none" },
    fy: { label: null, domain: designs.map((design) => NAMES[design]) },
    marks: [
      Plot.rectY(
        groups,
        Plot.binX<Plot.RectYOptions>(
          { y: "proportion-facet" },
          {
            x: { value: "drop", thresholds },
            fy,
            fill: blue,
            fillOpacity: 0.65,
            inset: 0.5,
          },
        ),
      ),
      Plot.ruleX(means, {
        x: "drop",
        fy: ({ design }) => NAMES[design as Design],
        stroke: look.ink,
        strokeDasharray: "5 3",
      }),
      Plot.ruleY([0], { stroke: look.soft }),
      Plot.ruleX(marked, { x: "drop", fy, stroke: red, strokeWidth: 2.5 }),
      Plot.text(marked, {
        x: "drop",
        fy,
        frameAnchor: "top",
        dy: -2,
        lineAnchor: "bottom",
        fill: look.ink,
        text: ({ design, number }: Group) =>
          design === "random_groups" ? `draw ${number}` : `filter ${number}`,
      }),
    ],
  };
}
