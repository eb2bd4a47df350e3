// Groups of examples: classes, or quarters of a number that is known of each.
import type { Cell } from "../page/blocks";
import { short } from "../shared/numbers";

export interface ExampleGroup {
  readonly name: string;
  readonly members: readonly number[];
}

const MOST_VALUES = 8; // that are groups of their own

/** A group for each class that has examples. */
export function byClass(label: ArrayLike<number>, classes: readonly string[]): ExampleGroup[] {
  const members: number[][] = classes.map(() => []);
  for (let i = 0; i < label.length; i++) members[label[i] ?? -1]?.push(i);
  return classes
    .map((name, i) => ({ name, members: members[i] ?? [] }))
    .filter((group) => group.members.length > 0);
}

/** A group for each value where there are few, else the quarters of the numbers; none of one value. */
export function byValue(values: ArrayLike<Cell>): ExampleGroup[] {
  const all = Array.from(values);
  const distinct = [...new Set(all)];
  if (distinct.length < 2) return [];
  if (distinct.length <= MOST_VALUES) return ofEach(all, distinct);
  return all.every((value) => typeof value === "number") ? quarters(all as number[]) : [];
}

function ofEach(all: readonly Cell[], distinct: readonly Cell[]): ExampleGroup[] {
  const sorted = [...distinct].sort((a, b) =>
    typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b)),
  );
  return sorted.map((value) => ({
    name: typeof value === "number" ? short(value) : String(value ?? "nothing"),
    members: [...all.keys()].filter((i) => all[i] === value),
  }));
}

/** Equal numbers lie in one quarter. */
function quarters(values: readonly number[]): ExampleGroup[] {
  const sorted = Float64Array.from(values.filter((value) => !Number.isNaN(value))).sort();
  const edges = [0.25, 0.5, 0.75].map((share) => sorted[Math.ceil(share * sorted.length) - 1] ?? 0);
  const [low, high] = [sorted[0] ?? 0, sorted.at(-1) ?? 0];
  const starts = [low, ...edges];
  const ends = [...edges, high];
  return starts
    .map((start, k) => ({
      name:
        k === 0
          ? `${short(low)} to ${short(ends[0] ?? 0)}`
          : `above ${short(start)} to ${short(ends[k] ?? 0)}`,
      members: [...values.keys()].filter((i) => {
        const value = values[i] ?? Number.NaN;
        return (k === 0 ? value >= start : value > start) && value <= (ends[k] ?? high);
      }),
    }))
    .filter(({ members }) => members.length > 0);
}
