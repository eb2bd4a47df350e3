// Where the map lies on the screen. The map runs from 0 to 1, y upwards; the screen counts pixels, y downwards.

export interface Size {
  readonly width: number;
  readonly height: number;
}

/** How near one looks (1: the whole map), and at which place of the map. */
export interface Zoom {
  readonly k: number;
  readonly x: number;
  readonly y: number;
}

/** The map on the screen: pixels of a side of it, and where its upper left corner lies. */
export interface View {
  readonly scale: number;
  readonly left: number;
  readonly top: number;
}

export type Point = readonly [x: number, y: number];

export const WHOLE: Zoom = { k: 1, x: 0.5, y: 0.5 };
const NEAREST_PX = 160; // of an image's side, when one is as near as one can be

/** The place that the map takes: about square, and not so high that one cannot scroll past it. */
export function sizeFor(width: number, windowHeight: number): Size {
  const most = Math.max(240, Math.round(0.85 * windowHeight));
  return { width, height: Math.min(width, most) };
}

/** Pixels of the whole map's side, with a margin for half an image around it. */
export function wholePx(size: Size, side: number): number {
  return Math.max(1, Math.min(size.width, size.height) / (1.01 + side));
}

export function nearest(size: Size, side: number): number {
  return Math.max(8, NEAREST_PX / (side * wholePx(size, side)));
}

export function viewOf(zoom: Zoom, size: Size, side: number): View {
  const scale = zoom.k * wholePx(size, side);
  return {
    scale,
    left: size.width / 2 - zoom.x * scale,
    top: size.height / 2 - (1 - zoom.y) * scale,
  };
}

export function zoomOf(view: View, size: Size, side: number): Zoom {
  return {
    k: view.scale / wholePx(size, side),
    x: (size.width / 2 - view.left) / view.scale,
    y: 1 - (size.height / 2 - view.top) / view.scale,
  };
}

export function onScreen(view: View, x: number, y: number): Point {
  return [view.left + x * view.scale, view.top + (1 - y) * view.scale];
}

export function onMap(view: View, left: number, top: number): Point {
  return [(left - view.left) / view.scale, 1 - (top - view.top) / view.scale];
}

/** "4,0.25,0.5", or null where the text says no zoom; kept within what one can reach. */
export function readZoom(text: string, most: number): Zoom | null {
  const [k, x, y, ...more] = text.split(",").map(Number);
  if (text === "" || more.length > 0) return null;
  if (![k, x, y].every((number) => number !== undefined && Number.isFinite(number))) return null;
  return { k: within(k!, 1, most), x: within(x!, 0, 1), y: within(y!, 0, 1) };
}

/** The zoom as text; null for the whole map. */
export function writeZoom({ k, x, y }: Zoom): string | null {
  return k < 1.0005 ? null : [k.toFixed(3), x.toFixed(5), y.toFixed(5)].map(Number).join(",");
}

/**
 * How large an image is drawn, as a share of the map: neighbours hide little of it.
 *
 * It is 1.5 times the usual distance to the fourth nearest example, but between 1/120 and 1/12 of
 * the map; as in lashley.figures.maps. The usual distance is the median over some 400 examples.
 */
export function imageSide(x: ArrayLike<number>, y: ArrayLike<number>): number {
  if (x.length < 2) return 1 / 12;
  const step = Math.max(1, Math.floor(x.length / 400));
  const distances: number[] = [];
  for (let i = 0; i < x.length; i += step) distances.push(toFourth(x, y, i));
  distances.sort((a, b) => a - b);
  return within(1.5 * distances[distances.length >> 1]!, 1 / 120, 1 / 12);
}

function toFourth(x: ArrayLike<number>, y: ArrayLike<number>, from: number): number {
  const four = [Infinity, Infinity, Infinity, Infinity];
  for (let i = 0; i < x.length; i++) {
    if (i === from) continue;
    const squared = (x[i]! - x[from]!) ** 2 + (y[i]! - y[from]!) ** 2;
    if (squared >= four[3]!) continue;
    four[3] = squared;
    four.sort((a, b) => a - b);
  }
  return Math.sqrt(four.findLast(Number.isFinite)!);
}

export function within(value: number, low: number, high: number): number {
  return Math.min(Math.max(value, low), high);
}
