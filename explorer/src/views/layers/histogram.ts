// Bins of a histogram of drops.

/**
 * Edges around all values, about `count` bins.
 *
 * Drops of `n` examples are multiples of 100 / n: a bin holds a whole number of these steps, and no
 * edge falls on one.
 */
export function edgesOf(drops: readonly number[], n: number, count: number): number[] {
  const there = drops.filter(Number.isFinite);
  if (there.length === 0) return [];
  const step = 100 / n;
  const [low, high] = [Math.min(...there) / step, Math.max(...there) / step].map(Math.round);
  const [first, last] = [low ?? 0, high ?? 0];
  const steps = Math.ceil((last - first + 1) / count);
  const bins = Math.floor((last - first) / steps) + 1;
  return Array.from({ length: bins + 1 }, (_, i) => (first + i * steps - 0.5) * step);
}
