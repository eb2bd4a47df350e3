// The histogram of changes: bins around 0, so that no bin holds both a rise and a fall.
import * as Plot from "@observablehq/plot";
import type { Mean } from "../../model/changes";
import { limitOf } from "../../model/limit";
import { short, tickText } from "../../shared/numbers";
import type { Palette } from "../../state/theme";
import type { Entry } from "../map/scene";

export interface Bin {
  readonly from: number;
  readonly to: number;
  readonly n: number;
}

export interface Bins {
  readonly bins: readonly Bin[];
  readonly up: number;
  readonly down: number;
  readonly none: number;
  /** How many lie beyond the ends, and are counted in the outermost bins. */
  readonly beyond: number;
}

const HALF = 16; // bins on either side of 0

/** Args: which examples; null: all. */
export function binsOf(changes: Float64Array, some: readonly number[] | null): Bins {
  const values = some === null ? [...changes] : some.map((i) => changes[i] ?? Number.NaN);
  const end = limitOf(values, 0.99);
  const step = end / HALF;
  const [low, high] = [values, values].map((all, i) =>
    all.some((value) => (i === 0 ? value < 0 : value > 0)) ? HALF : 1,
  );
  const first = -(low ?? 1);
  const n = new Array<number>((low ?? 1) + (high ?? 1)).fill(0);
  let [up, down, none, beyond] = [0, 0, 0, 0];
  for (const value of values) {
    up += Number(value > 0);
    down += Number(value < 0);
    none += Number(value === 0);
    beyond += Number(Math.abs(value) > end);
    const at = Math.ceil(value / step) - 1 - first; // (from, to]; below 0 [from, to)
    const place = value < 0 ? Math.floor(value / step) - first : at;
    if (value !== 0) n[Math.min(Math.max(place, 0), n.length - 1)]! += 1;
  }
  const bins = n.map((many, i) => ({
    from: (first + i) * step,
    to: (first + i + 1) * step,
    n: many,
  }));
  return { bins, up, down, none, beyond };
}

export function histogram(
  { bins, none }: Bins,
  mean: Mean,
  name: string,
  entries: readonly Entry[],
  look: Palette,
): Plot.PlotOptions {
  const [down, up] = [entries[1]?.colour ?? look.ink, entries.at(-2)?.colour ?? look.ink];
  const still = none > 0 ? [{ n: none }] : [];
  return {
    height: 230,
    marginLeft: 48,
    marginBottom: 42,
    marginTop: 22,
    x: {
      label: `change of ${name}`,
      labelAnchor: "center",
      labelArrow: "none",
      labelOffset: 36,
      tickFormat: tickText,
    },
    y: { label: "examples", grid: true, ticks: 5, labelArrow: "none" },
    marks: [
      Plot.rectY(bins, {
        x1: "from",
        x2: "to",
        y: "n",
        fill: ({ from }: Bin) => (from < 0 ? down : up),
        insetLeft: 0.5,
        insetRight: 0.5,
        title: ({ from, to, n }: Bin) => `${short(from)} to ${short(to)}: ${n}`,
      }),
      Plot.ruleX(still, { x: 0, y1: 0, y2: "n", stroke: look.soft, strokeWidth: 4 }),
      Plot.ruleY([0], { stroke: look.soft }),
      Plot.ruleX([mean.value], { stroke: look.paper, strokeWidth: 4 }),
      Plot.ruleX([mean.value], { stroke: look.ink, strokeWidth: 1.5, strokeDasharray: "5 3" }),
      Plot.text([`mean ${short(mean.value)}`], {
        x: [mean.value],
        frameAnchor: "top",
        dy: -10,
        fill: look.ink,
      }),
      ...(Number.isFinite(mean.low)
        ? [
            Plot.ruleY([mean], {
              x1: "low",
              x2: "high",
              y: 0,
              stroke: look.ink,
              strokeWidth: 4,
            }),
          ]
        : []),
    ],
  };
}
