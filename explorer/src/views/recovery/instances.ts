// The instances as a chart: single ones, their mean, and the controls.
import * as Plot from "@observablehq/plot";
import type { Row } from "../../page/blocks";
import { type Entry, tipLook } from "../../shared/look";
import { fixed } from "../../shared/numbers";
import type { Palette } from "../../state/theme";
import { epochFrame, intactEntry } from "./frame";
import { startLook, startName } from "./look";
import {
  controls,
  type Estimate,
  instances,
  intactOf,
  longest,
  type Measure,
  type Run,
  type Spread,
  spread,
} from "./runs";

const FAR = "from_scratch"; // what may lie far from all others

export interface Recovering {
  readonly measure: Measure;
  readonly top: number;
  readonly runs: readonly Run[];
  readonly mean: readonly Spread[];
  readonly controls: ReadonlyMap<string, readonly Spread[]>;
  readonly intact: Estimate | null;
  /** The first epoch to be seen. */
  readonly from: number;
}

/** What is drawn of a layer's rows, from epoch `from` on. */
export function recovering(
  rows: readonly Row[],
  measure: Measure,
  top: number,
  from: number,
): Recovering {
  const runs = instances(rows);
  const later = (spreads: readonly Spread[]) => spreads.filter(({ epoch }) => epoch >= from);
  const besides = [...controls(rows)].map(
    ([start, of]) => [start, later(spread(of, measure))] as const,
  );
  return {
    measure,
    top,
    runs,
    mean: later(spread(runs, measure)),
    controls: new Map(besides),
    intact: intactOf(rows),
    from,
  };
}

/**
 ** The range shown from a later epoch on, with a margin; training from scratch is left out, as it
 * may lie far away.
 */
export function nearRange({ mean, controls, intact, measure }: Recovering): [number, number] {
  const near = [...controls].filter(([start]) => start !== FAR).flatMap(([, spreads]) => spreads);
  const values = [...mean, ...near].flatMap(({ least, most }) => [least, most]);
  const everything = [...values, measure === "drop" ? 0 : (intact?.value ?? values[0] ?? 0)];
  const [low, high] = [Math.min(...everything), Math.max(...everything)];
  const room = 0.07 * Math.max(high - low, 0.2);
  return [low - room, high + room];
}

/** Controls that lie wholly outside the range. */
export function outside(shown: Recovering): string[] {
  const [low, high] = nearRange(shown);
  const out = ({ mean }: Spread) => mean < low || mean > high;
  return [...shown.controls].filter(([, of]) => of.every(out)).map(([start]) => start);
}

export function instancesPlot(shown: Recovering, width: number, look: Palette): Plot.PlotOptions {
  const { measure, top, runs, mean, intact, from } = shown;
  const zoomed = from > 0;
  const own = startLook("ablated", look).colour;
  const away = zoomed ? outside(shown) : [];
  const beside = [...shown.controls].filter(([start]) => !away.includes(start));
  const entries: Entry[] = [
    {
      name: runs.length > 1 ? "mean of the instances" : "the instance",
      colour: own,
      dash: "",
      width: 3,
      symbol: "circle",
    },
    ...(runs.length > 1 ? [{ name: "each instance", colour: own, dash: "", width: 1 }] : []),
    { name: "95 % interval", colour: own, band: 0.18 },
    intactEntry(measure, look),
    ...beside.map(([start]) => startLook(start, look)),
  ];
  const frame = {
    measure,
    top,
    intact,
    label: "epochs of retraining",
    epochs: [from, Math.max(longest(runs), from + 1)] as const,
    range: zoomed ? nearRange(shown) : undefined,
  };
  return epochFrame(frame, width, look, entries, [
    Plot.areaY(mean, {
      x: "epoch",
      y1: "low",
      y2: "high",
      fill: own,
      fillOpacity: 0.18,
      clip: true,
    }),
    ...beside.flatMap(([start, spreads]) => controlMarks(start, spreads, look)),
    ...runs.flatMap((run) => runMarks(run, shown, own)),
    Plot.line(mean, { x: "epoch", y: "mean", stroke: own, strokeWidth: 3, clip: true }),
    Plot.dot(mean, { x: "epoch", y: "mean", fill: own, r: 3.5 }),
    Plot.tip(
      tips(mean, beside),
      Plot.pointer({ x: "epoch", y: "mean", title: "says", ...tipLook(look) }),
    ),
  ]);
}

function controlMarks(start: string, spreads: readonly Spread[], look: Palette): Plot.Markish[] {
  const { colour, dash } = startLook(start, look);
  return [
    Plot.ruleX(spreads, { x: "epoch", y1: "least", y2: "most", stroke: colour, clip: true }),
    Plot.line(spreads, {
      x: "epoch",
      y: "mean",
      stroke: colour,
      strokeDasharray: dash,
      strokeWidth: 2,
      clip: true,
    }),
  ];
}

/** One instance; a cross ends it where it diverged. */
function runMarks({ points, diverged }: Run, { measure, from }: Recovering, colour: string) {
  const later = points.filter(({ epoch }) => epoch >= from);
  const at = { x: "epoch", y: (point: (typeof later)[number]) => point[measure].value };
  return [
    Plot.line(later, { ...at, stroke: colour, strokeWidth: 1, strokeOpacity: 0.75, clip: true }),
    Plot.dot(diverged ? later.slice(-1) : [], { ...at, symbol: "times", stroke: colour, r: 5 }),
  ];
}

function tips(mean: readonly Spread[], beside: readonly (readonly [string, readonly Spread[]])[]) {
  return [["ablated", mean] as const, ...beside].flatMap(([start, spreads]) =>
    spreads.map((each) => ({
      ...each,
      says:
        `${start === "ablated" ? "instances" : startName(start)}, epoch ${each.epoch}\n` +
        `mean ${fixed(each.mean)}, ${fixed(each.least)} to ${fixed(each.most)}`,
    })),
  );
}
