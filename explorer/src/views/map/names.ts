// Where the names of the classes go.
import type { Examples } from "../../model/sweep";
import { onScreen, type Point, type Size, type View, within } from "./geometry";

export interface Name {
  readonly text: string;
  /** Index of the class. */
  readonly of: number;
  readonly at: Point;
}

/** The example of each class that is nearest to the median of its examples; large classes first. */
export function namesOf(examples: Examples, classes: readonly string[]): Name[] {
  const { x, y, label, length } = examples;
  if (x === null || y === null) return [];
  const own: number[][] = classes.map(() => []);
  for (let i = 0; i < length; i++) own[label[i]!]?.push(i);
  return own
    .map((some, of) => ({ some, of }))
    .filter(({ some }) => some.length > 0)
    .sort((a, b) => b.some.length - a.some.length)
    .map(({ some, of }) => ({ of, text: classes[of]!, at: middle(some, x, y) }));
}

/** A name on the screen: its middle. */
export interface Placed {
  readonly text: string;
  readonly left: number;
  readonly top: number;
}

/** The names in view that fit beside one another, kept whole at the edges; the first go before. */
export function fitting(
  names: readonly Name[],
  view: View,
  size: Size,
  widthOf: (text: string) => number,
  height: number,
): Placed[] {
  const taken: (Placed & { readonly half: number })[] = [];
  for (const { text, at } of names) {
    const [x, y] = onScreen(view, ...at);
    if (x < 0 || y < 0 || x > size.width || y > size.height) continue;
    const half = Math.min(widthOf(text), size.width) / 2 + 3;
    const left = within(x, half, Math.max(size.width - half, half));
    const top = within(y, height / 2, size.height - height / 2);
    const clash = taken.some(
      (other) =>
        Math.abs(other.left - left) < other.half + half && Math.abs(other.top - top) < height,
    );
    if (!clash) taken.push({ text, left, top, half });
  }
  return taken;
}

function middle(some: readonly number[], x: ArrayLike<number>, y: ArrayLike<number>): Point {
  const [across, up] = [median(some.map((i) => x[i]!)), median(some.map((i) => y[i]!))];
  const away = (i: number) => (x[i]! - across) ** 2 + (y[i]! - up) ** 2;
  const best = some.reduce((kept, i) => (away(i) < away(kept) ? i : kept));
  return [x[best]!, y[best]!];
}

function median(values: number[]): number {
  const sorted = Float64Array.from(values).sort();
  const half = sorted.length >> 1;
  return sorted.length % 2 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
}
