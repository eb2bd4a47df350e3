// Where examples go: which classes they are taken for.
import type { Examples, Sweep } from "../../model/sweep";
import { State } from "../../model/sweep";

/** Examples of a class that a network takes for another one. */
export interface Flow {
  readonly label: number;
  readonly taken: number;
  readonly count: number;
}

/**
 ** The examples that an ablation loses, by label and prediction, most frequent first; for the intact
 * network (`after` is null) those that it gets wrong.
 */
export function flowsOf(
  sweep: Sweep,
  examples: Examples,
  states: Uint8Array,
  after: ArrayLike<number> | null,
): Flow[] {
  const found = new Map<number, number>();
  const predictions = after ?? sweep.intact;
  states.forEach((state, i) => {
    const right = sweep.intact[i] === examples.label[i];
    const gone = state === State.LOST || state === State.ONLY_PAIR;
    if (after ? !(right && gone) : right) return;
    const key = (examples.label[i] ?? 0) * WIDE + (predictions[i] ?? 0);
    found.set(key, (found.get(key) ?? 0) + 1);
  });
  const flows = [...found].map(([key, count]) => ({
    label: Math.floor(key / WIDE),
    taken: key % WIDE,
    count,
  }));
  return flows.sort((a, b) => b.count - a.count || a.label - b.label || a.taken - b.taken);
}

const WIDE = 2 ** 16; // more than there are classes

/** The classes with the largest sums, in the order of the classes. */
export function largest(flows: readonly Flow[], side: "label" | "taken", most: number): number[] {
  const sums = new Map<number, number>();
  for (const flow of flows) sums.set(flow[side], (sums.get(flow[side]) ?? 0) + flow.count);
  const order = [...sums].sort((a, b) => b[1] - a[1]).slice(0, most);
  return order.map(([index]) => index).sort((a, b) => a - b);
}

/** How many examples flow. */
export function sumOf(flows: readonly Flow[]): number {
  return flows.reduce((sum, { count }) => sum + count, 0);
}
