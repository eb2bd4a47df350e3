// What the selected examples need: which ablations lose them.
import { type Interval, shareInterval } from "../../model/interval";
import type { Ablation, Examples, Sweep } from "../../model/sweep";

export interface Need {
  readonly ablation: Ablation;
  /** Of the selected examples that the intact network gets right. */
  readonly lost: number;
  /** Of these, how many were measured. */
  readonly measured: number;
  /** lost / measured, with its 95 % interval. */
  readonly share: number;
  readonly interval: Interval;
  /** The same share over all examples. */
  readonly overall: number;
}

/** The examples that the intact network gets right; of the selected ones, or of all. */
export function rightOf(sweep: Sweep, examples: Examples, some: Uint8Array | null): number[] {
  const right: number[] = [];
  for (let i = 0; i < examples.length; i++) {
    if ((some === null || some[i]) && sweep.intact[i] === examples.label[i]) right.push(i);
  }
  return right;
}

/** The candidates that lose the largest shares of the selected examples, largest first. */
export function needsOf(
  sweep: Sweep,
  examples: Examples,
  some: Uint8Array,
  candidates: readonly Ablation[],
  most = 20,
): Need[] {
  const asked = rightOf(sweep, examples, some);
  const all = rightOf(sweep, examples, null);
  return candidates
    .map((ablation) => ({ ablation, ...lossOf(sweep, examples, asked, ablation) }))
    .filter(({ measured }) => measured > 0)
    .sort((a, b) => b.share - a.share)
    .slice(0, most)
    .map((need) => ({
      ...need,
      interval: shareInterval(need.lost, need.measured),
      overall: lossOf(sweep, examples, all, need.ablation).share,
    }));
}

function lossOf(sweep: Sweep, examples: Examples, asked: readonly number[], ablation: Ablation) {
  const after = sweep.predictions(ablation);
  let [lost, measured] = [0, 0];
  for (const i of asked) {
    const now = after[i];
    if (now === sweep.missing) continue;
    measured += 1;
    if (now !== examples.label[i]) lost += 1;
  }
  return { lost, measured, share: measured > 0 ? lost / measured : 0 };
}

export function inPercent({ low, high }: Interval): Interval {
  return { low: 100 * low, high: 100 * high };
}
