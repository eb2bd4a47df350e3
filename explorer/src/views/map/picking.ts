// Which example lies under the pointer, and which comes next.
import { type Quadtree, quadtree } from "d3-quadtree";
import { onMap, onScreen, type Size, type View } from "./geometry";

export interface Places {
  readonly x: ArrayLike<number>;
  readonly y: ArrayLike<number>;
}

const trees = new WeakMap<object, Quadtree<number>>();

/** The example nearest to a place on the screen, not further than `reach` pixels. */
export function pick(
  places: Places,
  view: View,
  left: number,
  top: number,
  reach: number,
): number | null {
  const [x, y] = onMap(view, left, top);
  return treeOf(places).find(x, y, reach / view.scale) ?? null;
}

/** Those of the examples that one sees, row by row as one reads. */
export function inView(places: Places, some: readonly number[], view: View, size: Size): number[] {
  const BAND = 48; // pixels that count as one row
  return some
    .map((i) => ({ i, at: onScreen(view, places.x[i]!, places.y[i]!) }))
    .filter(({ at: [x, y] }) => x >= 0 && y >= 0 && x <= size.width && y <= size.height)
    .map(({ i, at: [x, y] }) => ({ i, x, row: Math.floor(y / BAND) }))
    .sort((a, b) => a.row - b.row || a.x - b.x)
    .map(({ i }) => i);
}

/** The one after (1) or before (-1) the present one, going round; null if there is none. */
export function stepped(some: readonly number[], now: number | null, by: 1 | -1): number | null {
  if (some.length === 0) return null;
  const at = now === null ? -1 : some.indexOf(now);
  if (at === -1) return (by === 1 ? some[0] : some.at(-1)) ?? null;
  return some[(at + by + some.length) % some.length] ?? null;
}

/** Where a card goes: beside the point, else above or below it; always inside. */
export function cardPlace(
  [x, y]: readonly [number, number],
  card: Size,
  size: Size,
  gap: number,
): { readonly left: number; readonly top: number } {
  const clamp = (value: number, most: number) => Math.max(0, Math.min(value, most));
  const [right, bottom] = [size.width - card.width, size.height - card.height];
  const beside = x < size.width / 2 ? x + gap : x - gap - card.width;
  if (beside >= 0 && beside <= right)
    return { left: beside, top: clamp(y - card.height / 2, bottom) };
  const over = y < size.height / 2 ? y + gap : y - gap - card.height;
  return { left: clamp(x - card.width / 2, right), top: clamp(over, bottom) };
}

function treeOf(places: Places): Quadtree<number> {
  const kept = trees.get(places.x);
  if (kept) return kept;
  const tree = quadtree<number>()
    .x((i) => places.x[i]!)
    .y((i) => places.y[i]!)
    .addAll(Array.from({ length: places.x.length }, (_, i) => i));
  trees.set(places.x, tree);
  return tree;
}
