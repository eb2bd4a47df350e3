// The layer curve as a chart: several shares as lines, or one share in detail.
import * as Plot from "@observablehq/plot";
import type { Means, Tables } from "../../model/tables";
import { layerAxis } from "../../shared/axis";
import { type Entry, legend, SYMBOLS, sequence, tipLook } from "../../shared/look";
import { withInterval } from "../../shared/numbers";
import { percent } from "../../shared/words";
import type { Palette } from "../../state/theme";

export interface Shown {
  readonly tables: Tables;
  readonly means: readonly Means[];
  /** The place of the layer that is open; -1 without one. */
  readonly open: number;
}

const [LEFT, RIGHT, FRAME] = [48, 12, 250]; // px

/** A line for each share. */
export function allShares(shown: Shown, width: number, look: Palette): Plot.PlotOptions {
  const { means } = shown;
  const colours = sequence(means.length, look);
  const entries = means.map(({ setting }, i) => ({
    name: `${percent(setting.proportion)} ablated`,
    colour: colours[i] ?? look.ink,
    dash: "",
    symbol: SYMBOLS[i % SYMBOLS.length] ?? "circle",
  }));
  const points = means.map((each) => pointsOf(shown, each));
  const marks = entries.flatMap(({ colour, symbol }, i) => [
    Plot.line(points[i] ?? [], { x: "at", y: "drop", stroke: colour, strokeWidth: 1.8 }),
    Plot.dot(points[i] ?? [], { x: "at", y: "drop", symbol, fill: colour, r: 3.2 }),
  ]);
  return framed(shown, width, look, entries, [...marks, tip(points.flat(), look)]);
}

/** One share with its interval, the spread of its groups, and random groups. */
export function oneShare(shown: Shown, width: number, look: Palette): Plot.PlotOptions {
  const points = shown.means.flatMap((each) => pointsOf(shown, each));
  const blue = look.series[0] ?? look.ink;
  const grey = look.soft;
  const random = points.some((point) => Number.isFinite(point.random));
  const entries: Entry[] = [
    { name: "mean over the groups, 95 % interval", colour: look.ink, dash: "", symbol: "circle" },
    { name: "middle half of the groups", colour: blue, band: 0.4 },
    { name: "5 to 95 % of the groups", colour: blue, band: 0.16 },
    ...(random ? [{ name: "random groups, mean", colour: grey, dash: "5 3" }] : []),
  ];
  return framed(shown, width, look, entries, [
    Plot.areaY(points, { x: "at", y1: "q05", y2: "q95", fill: blue, fillOpacity: 0.16 }),
    Plot.areaY(points, { x: "at", y1: "q25", y2: "q75", fill: blue, fillOpacity: 0.28 }),
    Plot.line(points, {
      x: "at",
      y: "random",
      stroke: grey,
      strokeDasharray: "5 3",
      strokeWidth: 1.8,
    }),
    Plot.ruleX(points, { x: "at", y1: "low", y2: "high", stroke: look.ink, strokeWidth: 1.2 }),
    Plot.line(points, { x: "at", y: "drop", stroke: look.ink, strokeWidth: 1.8 }),
    Plot.dot(points, { x: "at", y: "drop", fill: look.ink, r: 3.2 }),
    tip(points, look),
  ]);
}

interface Point {
  readonly at: number;
  readonly [value: string]: number | string;
  readonly drop: number;
  readonly low: number;
  readonly high: number;
  readonly random: number;
  readonly says: string;
}

/** What is drawn of one share, a point per layer; those that were not measured are left out. */
export function pointsOf({ tables }: Pick<Shown, "tables">, { setting, of }: Means): Point[] {
  const columns = {
    drop: "drop_pp",
    low: "drop_low_pp",
    high: "drop_high_pp",
    q05: "q05_pp",
    q25: "q25_pp",
    q75: "q75_pp",
    q95: "q95_pp",
    random: "random_drop_pp",
  } as const;
  const found = Object.entries(columns).map(([name, column]) => [name, of(column)] as const);
  const points = tables.sites.map(({ label }, at) => {
    const values = Object.fromEntries(found.map(([name, each]) => [name, each[at] ?? Number.NaN]));
    const point = { at, ...values } as unknown as Point;
    const says = `layer ${label}, ${percent(setting.proportion)} ablated\n${withInterval(point.drop, point)}`;
    return { ...point, says };
  });
  return points.filter(({ drop }) => Number.isFinite(drop));
}

function tip(points: readonly Point[], look: Palette) {
  return Plot.tip(points, Plot.pointer({ x: "at", y: "drop", title: "says", ...tipLook(look) }));
}

/** The frame around the marks: axes, the zero line, the layer that is open, the legend. */
export function framed(
  { tables, open }: Pick<Shown, "tables" | "open">,
  width: number,
  look: Palette,
  entries: readonly Entry[],
  marks: readonly Plot.Markish[],
): Plot.PlotOptions {
  const axis = layerAxis(
    tables.sites.map(({ label }) => label),
    width - LEFT - RIGHT,
  );
  const above = legend(entries, width - LEFT - RIGHT, look.ink);
  const here = open < 0 ? [] : [{ x1: open - 0.5, x2: open + 0.5 }];
  return {
    height: above.height + FRAME + axis.room + 24,
    marginLeft: LEFT,
    marginRight: RIGHT,
    marginTop: above.height + 24,
    marginBottom: axis.room,
    x: {
      ...axis.x,
      label: "layer, in forward order",
      labelAnchor: "center",
      labelOffset: axis.room - 8,
      labelArrow: "none",
    },
    y: { label: "drop (pp)", labelArrow: "none", nice: true, grid: true },
    marks: [
      Plot.rectX(here, { x1: "x1", x2: "x2", fill: look.ink, fillOpacity: 0.09 }),
      Plot.ruleY([0], { stroke: look.soft }),
      ...marks,
      ...above.marks,
    ],
  };
}
