// What each class loses, and how much of it comes back.
import { mean, numberAt, where } from "../../model/columns";
import type { Table } from "../../page/blocks";
import type { Which } from "./runs";

/** A class before retraining or after it, over the instances. */
export interface Part {
  /** Drop, pp: mean over the instances, least and most. */
  readonly mean: number;
  readonly least: number;
  readonly most: number;
  /** Mean over the instances, % of the class's images. */
  readonly lost: number;
  readonly gained: number;
}

export interface ClassRecovery {
  readonly index: number;
  readonly name: string;
  readonly before: Part;
  readonly after: Part;
}

/** Of a layer's instances, or of its iterations if there are none; those that got most back first. */
export function classRecovery(table: Table, { site, top }: Which): ClassRecovery[] {
  const keys = { site, top, start: "ablated" };
  const own = where(table, { ...keys, experiment: "instances" });
  const rows = own.length > 0 ? own : where(table, { ...keys, experiment: "iterated" });
  const last = lastEpochs(table, rows);
  const byClass = new Map<number, { before: number[]; after: number[] }>();
  for (const row of rows) {
    if (Number.isNaN(numberAt(table, "drop_pp", row))) continue; // a class without images
    const index = numberAt(table, "class_index", row);
    const parts = byClass.get(index) ?? { before: [], after: [] };
    const epoch = numberAt(table, "epoch", row);
    if (epoch === 0) parts.before.push(row);
    if (epoch === last.get(runKey(table, row))) parts.after.push(row);
    byClass.set(index, parts);
  }
  const names = table.column<string>("class");
  const found = [...byClass].map(([index, { before, after }]) => ({
    index,
    name: names[before[0] ?? -1] ?? String(index),
    before: partOf(table, before),
    after: partOf(table, after),
  }));
  return found.sort(
    (a, b) => cameBack(b) - cameBack(a) || a.after.mean - b.after.mean || a.index - b.index,
  );
}

/** pp; equal if only rounding differs. */
export function cameBack({ before, after }: ClassRecovery): number {
  return Math.round(1e6 * (before.mean - after.mean)) / 1e6;
}

/** All; if more than `count`, the first and the last half of that many. */
export function mostAndLeast<T>(found: readonly T[], count: number): readonly T[] {
  const half = Math.floor(count / 2);
  return found.length <= count ? found : [...found.slice(0, half), ...found.slice(-half)];
}

function lastEpochs(table: Table, rows: readonly number[]): ReadonlyMap<string, number> {
  const last = new Map<string, number>();
  for (const row of rows) {
    const run = runKey(table, row);
    last.set(run, Math.max(last.get(run) ?? 0, numberAt(table, "epoch", row)));
  }
  return last;
}

function runKey(table: Table, row: number): string {
  return `${numberAt(table, "instance", row)},${numberAt(table, "iteration", row)}`;
}

function partOf(table: Table, rows: readonly number[]): Part {
  const values = (name: string) => rows.map((row) => numberAt(table, name, row));
  const drops = values("drop_pp");
  const totals = values("total");
  const share = (name: string) => mean(values(name).map((n, i) => (100 * n) / (totals[i] ?? 0)));
  return {
    mean: mean(drops),
    least: Math.min(...drops),
    most: Math.max(...drops),
    lost: share("lost"),
    gained: share("gained"),
  };
}
