// Ablated and retrained again and again: the chain of runs as a chart.
import * as Plot from "@observablehq/plot";
import type { Row } from "../../page/blocks";
import { type Entry, tipLook } from "../../shared/look";
import { withInterval } from "../../shared/numbers";
import { percent } from "../../shared/words";
import type { Palette } from "../../state/theme";
import { epochFrame, intactEntry } from "./frame";
import { startLook } from "./look";
import {
  chain,
  type Estimate,
  intactControl,
  intactOf,
  type Measure,
  type Point,
  type Run,
} from "./runs";

/** One iteration: what the ablation cost, and what was left after the retraining. */
export interface Step {
  readonly share: number;
  readonly ablated: number;
  readonly before: Point;
  readonly after: Point;
  readonly diverged: boolean;
  /** The intact network, trained for as many epochs in all; null if it was not. */
  readonly control: Point | null;
}

export interface Chained {
  readonly measure: Measure;
  readonly top: number;
  readonly runs: readonly Run[];
  readonly steps: readonly Step[];
  readonly control: readonly Point[];
  readonly intact: Estimate | null;
}

export function chained(rows: readonly Row[], measure: Measure, top: number): Chained {
  const runs = chain(rows);
  const trained = intactControl(rows)?.points ?? [];
  const steps = runs.flatMap(({ points, share, ablated, diverged }) => {
    const [before, after] = [points[0], points.at(-1)];
    if (before === undefined || after === undefined) return [];
    const control = trained.find(({ total }) => total === after.total) ?? null;
    return [{ share, ablated, before, after, diverged, control }];
  });
  const end = steps.at(-1)?.after.total ?? 0;
  const control = trained.filter(({ total }) => total <= end);
  return { measure, top, runs, steps, control, intact: intactOf(rows) };
}

export function iteratedPlot(shown: Chained, width: number, look: Palette): Plot.PlotOptions {
  const { measure, top, runs, steps, control, intact } = shown;
  const own = startLook("ablated", look).colour;
  const trained = startLook("intact", look);
  const entries: Entry[] = [
    { name: "right after an ablation", colour: own, symbol: "circle", hollow: true },
    { name: "recovered", colour: own, symbol: "circle", dash: "" },
    { name: "95 % interval", colour: own, band: 0.18 },
    intactEntry(measure, look),
    ...(control.length > 0 ? [trained] : []),
  ];
  const points = runs.flatMap((run) => run.points);
  const value = (point: Point) => point[measure].value;
  const x = "total";
  const ends = (of: (step: Step) => Point) => steps.map(of);
  const frame = {
    measure,
    top,
    intact,
    label: "epochs of training in all",
    epochs: [0, Math.max(1, ...points.map(({ total }) => total))] as const,
  };
  return epochFrame(frame, width, look, entries, [
    ...runs.map((run) =>
      Plot.areaY(run.points, {
        x,
        y1: (p: Point) => p[measure].low,
        y2: (p: Point) => p[measure].high,
        fill: own,
        fillOpacity: 0.18,
      }),
    ),
    ...stepMarks(steps, look),
    Plot.line(control, {
      x,
      y: value,
      stroke: trained.colour,
      strokeDasharray: trained.dash,
      strokeWidth: 2,
    }),
    Plot.line([...startOf(shown), ...points], { x, y: value, stroke: own, strokeWidth: 1.6 }),
    Plot.dot(
      ends(({ before }) => before),
      { x, y: value, stroke: own, strokeWidth: 2, fill: look.paper, r: 4 },
    ),
    Plot.dot(
      ends(({ after }) => after),
      { x, y: value, fill: own, r: 4 },
    ),
    Plot.dot(
      steps.filter(({ diverged }) => diverged).map(({ after }) => after),
      { x, y: value, symbol: "times", stroke: own, strokeWidth: 2, r: 6 },
    ),
    Plot.tip(
      points,
      Plot.pointer({ x, y: value, title: (p: Point) => says(p, measure), ...tipLook(look) }),
    ),
  ]);
}

/** Where more is ablated: a line, and the share that is ablated from there on. */
function stepMarks(steps: readonly Step[], look: Palette): Plot.Markish[] {
  const at = { x: ({ before }: Step) => before.total };
  return [
    Plot.ruleX(steps, { ...at, stroke: look.soft, strokeDasharray: "2 4" }),
    Plot.text(steps, {
      ...at,
      text: ({ share }: Step) => percent(Math.round(100 * share) / 100),
      frameAnchor: "top",
      lineAnchor: "bottom",
      dy: -3,
      textAnchor: "start",
      fill: look.ink,
    }),
  ];
}

/** The intact network, with which the chain begins. */
function startOf({ intact }: Chained): Point[] {
  if (intact === null) return [];
  return [{ epoch: 0, total: 0, accuracy: intact, drop: { value: 0, low: 0, high: 0 } }];
}

function says(point: Point, measure: Measure): string {
  const { value, ...interval } = point[measure];
  const unit = measure === "accuracy" ? "%" : "pp";
  return (
    `epoch ${point.total}, ${point.epoch === 0 ? "right after an ablation" : `${point.epoch} after it`}\n` +
    withInterval(value, interval, unit)
  );
}
