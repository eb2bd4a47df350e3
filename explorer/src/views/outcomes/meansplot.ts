// The mean change of each group as a chart: a row per group.
import * as Plot from "@observablehq/plot";
import { tickText } from "../../shared/numbers";
import { clipped } from "../../shared/words";
import type { Palette } from "../../state/theme";
import type { Entry } from "../map/scene";
import type { GroupMean } from "./groups";

const [ROW, CHARACTER] = [24, 7]; // px

export function meansPlot(
  means: readonly GroupMean[],
  entries: readonly Entry[],
  name: string,
  width: number,
  look: Palette,
): Plot.PlotOptions {
  const rows = means.map((mean, i) => ({
    key: String(i),
    ...mean,
    low: Number.isFinite(mean.low) ? mean.low : mean.value,
    high: Number.isFinite(mean.high) ? mean.high : mean.value,
  }));
  const most = width < 420 ? 16 : 26;
  const longest = Math.max(4, ...means.map((mean) => Math.min(mean.name.length, most)));
  const [down, up] = [entries[1]?.colour ?? look.ink, entries.at(-2)?.colour ?? look.ink];
  return {
    height: ROW * rows.length + 56,
    marginTop: 8,
    marginLeft: CHARACTER * longest + 14,
    marginRight: 16,
    marginBottom: 42,
    x: {
      label: `mean change of ${name}`,
      labelAnchor: "center",
      labelArrow: "none",
      labelOffset: 36,
      grid: true,
      nice: true,
      ticks: Math.max(3, Math.floor(width / 90)),
      tickFormat: tickText,
    },
    y: {
      domain: rows.map(({ key }) => key),
      label: null,
      tickSize: 0,
      tickFormat: (key: string) => clipped(rows[Number(key)]?.name ?? "", most),
    },
    marks: [
      Plot.barX(rows, {
        x1: 0,
        x2: "value",
        y: "key",
        fill: ({ value }) => (value < 0 ? down : up),
        fillOpacity: 0.75,
        insetTop: 4,
        insetBottom: 4,
      }),
      Plot.ruleX([0], { stroke: look.soft }),
      Plot.ruleY(rows, { x1: "low", x2: "high", y: "key", stroke: look.ink, strokeWidth: 1.6 }),
      Plot.dot(rows, { x: "value", y: "key", r: 3.2, fill: look.ink }),
    ],
  };
}
