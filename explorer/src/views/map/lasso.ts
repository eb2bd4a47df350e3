// The lasso: a polygon in map coordinates, and what lies in it.
import { polygonContains } from "d3-polygon";
import type { Point } from "./geometry";

export type Polygon = readonly Point[];

const MOST = 60; // corners that go into the address
const FINE = 2e-5; // of the map's area: a corner that changes less than this is not missed

/** A polygon from text such as "0.1,0.2,0.3,0.4,0.5,0.6"; null if the text is not one. */
export function readLasso(text: string): Polygon | null {
  const numbers = text === "" ? [] : text.split(",").map(Number);
  if (numbers.length < 6 || numbers.length % 2 || !numbers.every(Number.isFinite)) return null;
  return Array.from({ length: numbers.length / 2 }, (_, i) => [
    numbers[2 * i]!,
    numbers[2 * i + 1]!,
  ]);
}

/** As text of three digits and at most 60 corners. */
export function writeLasso(polygon: Polygon): string {
  return simplified(polygon, MOST)
    .flat()
    .map((number) => String(Number(number.toFixed(3))))
    .join(",");
}

/** (example,) 1 where it lies in the polygon. */
export function inside(polygon: Polygon, x: ArrayLike<number>, y: ArrayLike<number>): Uint8Array {
  const corners = polygon.map(([across, up]): [number, number] => [across, up]);
  const [left, right] = extent(corners.map(([across]) => across));
  const [low, high] = extent(corners.map(([, up]) => up));
  return Uint8Array.from({ length: x.length }, (_, i) => {
    const [across, up] = [x[i]!, y[i]!];
    if (across < left || across > right || up < low || up > high) return 0;
    return Number(polygonContains(corners, [across, up]));
  });
}

/**
 * The polygon without the corners that matter least: each time the one whose triangle with its
 * neighbours is smallest, until there are few enough and all of them matter.
 *
 * Source: Visvalingam and Whyatt 1993, Cartogr. J. 30:46.
 */
export function simplified(polygon: Polygon, most: number): Polygon {
  const kept = [...polygon];
  while (kept.length > 3) {
    const areas = kept.map((corner, i) =>
      triangle(kept.at(i - 1)!, corner, kept[(i + 1) % kept.length]!),
    );
    const least = Math.min(...areas);
    if (kept.length <= most && least >= FINE) break;
    kept.splice(areas.indexOf(least), 1);
  }
  return kept;
}

function triangle([ax, ay]: Point, [bx, by]: Point, [cx, cy]: Point): number {
  return Math.abs((bx - ax) * (cy - ay) - (cx - ax) * (by - ay)) / 2;
}

function extent(values: readonly number[]): [number, number] {
  return [Math.min(...values), Math.max(...values)];
}
