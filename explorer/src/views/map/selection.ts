// Which examples stand out, and which are asked what they need.
import type { Examples } from "../../model/sweep";
import { inside, readLasso } from "./lasso";
import { type Entry, STATE_KEYS } from "./scene";

/** What the address says about it: `class`, `lasso` and `select`. */
export interface Wanted {
  /** Index of a class; null: all. */
  readonly of: number | null;
  readonly lasso: string;
  /** The key of a state, "all", or "" for nothing. */
  readonly select: string;
}

/** (example,) 1 for the examples of the class; null: all. */
export function ofClass(examples: Examples, of: number | null): Uint8Array | null {
  if (of === null) return null;
  return Uint8Array.from({ length: examples.length }, (_, i) => Number(examples.label[i] === of));
}

/** Whether the address asks for a state that no example can be in now, as after another ablation. */
export function isStale(select: string, entries: readonly Entry[]): boolean {
  return Object.values(STATE_KEYS).includes(select) && !entries.some(({ key }) => key === select);
}

/**
 * (example,) 1 for those inside the lasso, in the state and of the class that are asked for; null
 * where neither a lasso nor a state is. None are in a state that cannot occur.
 */
export function selected(
  examples: Examples,
  states: Uint8Array,
  entries: readonly Entry[],
  wanted: Wanted,
): Uint8Array | null {
  const { x, y, label } = examples;
  if (isStale(wanted.select, entries)) return new Uint8Array(examples.length);
  const polygon = x && y ? readLasso(wanted.lasso) : null;
  const state = entries.find(({ key }) => key === wanted.select)?.state;
  if (state === undefined && wanted.select !== "all" && polygon === null) return null;
  const within = polygon && x && y ? inside(polygon, x, y) : null;
  return Uint8Array.from({ length: examples.length }, (_, i) =>
    Number(
      (within === null || within[i] === 1) &&
        (state === undefined || states[i] === state) &&
        (wanted.of === null || label[i] === wanted.of),
    ),
  );
}

/** The examples that a mask marks. */
export function marked(mask: Uint8Array): number[] {
  const found: number[] = [];
  mask.forEach((on, i) => {
    if (on) found.push(i);
  });
  return found;
}
