// Numbers beside points that hide neither points nor each other.

export interface Place {
  readonly x: number;
  readonly y: number;
}

export interface Box extends Place {
  readonly width: number;
  readonly height: number;
}

const HEIGHT = 12;
export const POINT = 9;
const LETTER = 7.2;
const SAME = 4; // pixels between points that cannot be told apart
const AROUND = [0, 180, 270, 90, 315, 45, 225, 135].map((degrees) => (degrees * Math.PI) / 180);
const DISTANCES = [12, 19, 26];

/**
 * (point,) the middle of each label: the nearest place that is free, right of the point first.
 *
 * `sizes` is how wide each point is drawn, in pixels; `taken` is where no label may stand either.
 */
export function beside(
  points: readonly Place[],
  labels: readonly string[],
  sizes: readonly number[] = [],
  taken: readonly Box[] = [],
): Place[] {
  const drawn = points.map((point, i) => {
    const size = sizes[i] ?? POINT;
    return { ...point, width: size, height: size };
  });
  const full: Box[] = [...taken, ...drawn];
  return points.map((point, i) => {
    const width = LETTER * (labels[i] ?? "").length;
    const spots = around(point, width).map((spot) => ({ ...spot, width, height: HEIGHT }));
    const hidden = (box: Box) => full.reduce((sum, other) => sum + overlap(box, other), 0);
    const best = spots.find((spot) => hidden(spot) === 0) ?? least(spots, hidden);
    full.push(best);
    return { x: best.x, y: best.y };
  });
}

/** (group,) which points share a label: those that lie on the first of their group, and look alike. */
export function together(points: readonly Place[], alike: readonly unknown[] = []): number[][] {
  const groups: number[][] = [];
  points.forEach((point, i) => {
    const own = groups.find(([first = i]) => {
      const head = points[first] ?? point;
      return Math.hypot(head.x - point.x, head.y - point.y) < SAME && alike[first] === alike[i];
    });
    if (own) own.push(i);
    else groups.push([i]);
  });
  return groups;
}

function around({ x, y }: Place, width: number): Place[] {
  return DISTANCES.flatMap((distance) =>
    AROUND.map((angle) => ({
      x: x + (distance + width / 2 - 6) * Math.cos(angle),
      y: y + distance * Math.sin(angle),
    })),
  );
}

function overlap(a: Box, b: Box): number {
  const wide = (a.width + b.width) / 2 - Math.abs(a.x - b.x);
  const high = (a.height + b.height) / 2 - Math.abs(a.y - b.y);
  return wide > 0 && high > 0 ? wide * high : 0;
}

function least<T>(all: readonly T[], of: (one: T) => number): T {
  return all.reduce((best, one) => (of(one) < of(best) ? one : best));
}
