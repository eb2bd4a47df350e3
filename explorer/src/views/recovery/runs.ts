// Trainings as the figures of recovery see them: epoch by epoch.
import { mean, number } from "../../model/columns";
import { shareInterval } from "../../model/interval";
import type { Row } from "../../page/blocks";

/** A number with its 95 % interval. */
export interface Estimate {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

/** The network at the end of an epoch; epoch 0 is the state before the training. */
export interface Point {
  /** Counted from 0 within the run. */
  readonly epoch: number;
  /** Counted since the chain of runs began. */
  readonly total: number;
  /** In %. */
  readonly accuracy: Estimate;
  /** Against the intact network, in pp. */
  readonly drop: Estimate;
}

export type Measure = "accuracy" | "drop";

export interface Run {
  readonly points: readonly Point[];
  /** Of the layer's units, ablated in this run, 0 to 1. */
  readonly share: number;
  /** How many units that are. */
  readonly ablated: number;
  /** Whether the training was given up because it diverged; earlier epochs are here. */
  readonly diverged: boolean;
}

/** Several runs at an epoch that one of them reached. */
export interface Spread {
  readonly epoch: number;
  readonly mean: number;
  readonly least: number;
  readonly most: number;
  /** Mean over the runs of the ends of their intervals. */
  readonly low: number;
  readonly high: number;
}

/** Which runs: those of one layer, in one accuracy. */
export interface Which {
  readonly site: string;
  readonly top: number;
}

/** The rows of a layer's runs in one accuracy, chosen among `rows` once. */
export function rowsOf(rows: readonly Row[], { site, top }: Which): Row[] {
  return rows.filter((row) => row.site === site && row.top === top);
}

/** The runs of the instances, in their order. */
export function instances(rows: readonly Row[], start = "ablated"): Run[] {
  const some = rows.filter((row) => row.experiment === "instances" && row.start === start);
  return split(some, "instance").map(runOf);
}

/** The iterations of the iterated experiment, in order; of the first chain if there are more. */
export function chain(rows: readonly Row[]): Run[] {
  const some = rows.filter((row) => row.experiment === "iterated" && row.start === "ablated");
  const [first] = split(some, "instance");
  return first ? split(first, "iteration").map(runOf) : [];
}

/** The intact network, trained as long as the longest experiment; null if that was not done. */
export function intactControl(rows: readonly Row[]): Run | null {
  const [first] = split(
    rows.filter((row) => row.start === "intact"),
    "instance",
  );
  return first ? runOf(first) : null;
}

/** The controls of the instances by start, none longer than the instances. */
export function controls(rows: readonly Row[]): ReadonlyMap<string, readonly Run[]> {
  const end = longest(instances(rows));
  const trained = intactControl(rows);
  const found = new Map<string, Run[]>([
    ["intact", trained ? [trained] : []],
    ["redrawn", instances(rows, "redrawn")],
    ["from_scratch", instances(rows, "from_scratch")],
  ]);
  const kept = [...found].filter(([, runs]) => runs.length > 0);
  return new Map(kept.map(([start, runs]) => [start, runs.map((run) => until(run, end))]));
}

/** The intact network before any training: what a run has left and what it has lost. */
export function intactOf(rows: readonly Row[]): Estimate | null {
  const [first] = rows;
  if (first === undefined) return null;
  const value = number(first.accuracy_percent) + number(first.drop_pp);
  const total = number(first.total);
  const { low, high } = shareInterval(Math.round((value * total) / 100), total);
  return { value, low: 100 * low, high: 100 * high };
}

/** The last epoch that one of the runs reached. */
export function longest(runs: readonly Run[]): number {
  return Math.max(0, ...runs.flatMap(({ points }) => points.map(({ epoch }) => epoch)));
}

/** Mean and range of some runs, epoch by epoch. */
export function spread(runs: readonly Run[], measure: Measure): Spread[] {
  const points = runs.flatMap((run) => run.points);
  const epochs = [...new Set(points.map(({ epoch }) => epoch))].sort((a, b) => a - b);
  return epochs.map((epoch) => {
    const there = points.filter((point) => point.epoch === epoch).map((point) => point[measure]);
    const values = there.map(({ value }) => value);
    return {
      epoch,
      mean: mean(values),
      least: Math.min(...values),
      most: Math.max(...values),
      low: mean(there.map(({ low }) => low)),
      high: mean(there.map(({ high }) => high)),
    };
  });
}

/** The same run up to an epoch, as if it had been ended there. */
function until(run: Run, end: number): Run {
  const points = run.points.filter(({ epoch }) => epoch <= end);
  return { ...run, points, diverged: run.diverged && points.length === run.points.length };
}

/** Rows by the number in a column, smallest first. */
export function split(rows: readonly Row[], column: string): Row[][] {
  const parts = new Map<number, Row[]>();
  for (const row of rows) {
    const key = number(row[column]);
    parts.set(key, [...(parts.get(key) ?? []), row]);
  }
  return [...parts].sort(([a], [b]) => a - b).map(([, part]) => part);
}

function runOf(rows: readonly Row[]): Run {
  const order = [...rows].sort(
    (a, b) => number(a.iteration) - number(b.iteration) || number(a.epoch) - number(b.epoch),
  );
  const last = order.at(-1);
  return {
    points: order.map(pointOf),
    share: number(last?.ablated_share),
    ablated: number(last?.ablated),
    diverged: String(last?.ended).startsWith("diverged"),
  };
}

function pointOf(row: Row): Point {
  return {
    epoch: number(row.epoch),
    total: number(row.total_epoch),
    accuracy: {
      value: number(row.accuracy_percent),
      low: number(row.accuracy_low_percent),
      high: number(row.accuracy_high_percent),
    },
    drop: {
      value: number(row.drop_pp),
      low: number(row.drop_low_pp),
      high: number(row.drop_high_pp),
    },
  };
}
