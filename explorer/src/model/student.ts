// Student's t interval of a mean, as lashley.stats.mean_interval computes it.
import type { Interval } from "./interval";

/**
 * 95 % interval of the mean of differences of any size; below two of them, everything.
 *
 * Args: sum and sum of squares of `n` differences.
 */
export function meanInterval(total: number, squares: number, n: number): Interval {
  if (n < 2) return { low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY };
  const mean = total / n;
  const variance = Math.max(squares - total * mean, 0) / (n - 1);
  const half = quantile(n - 1) * Math.sqrt(variance / n);
  return { low: mean - half, high: mean + half };
}

const known = new Map<number, number>();

/** The 97.5 % quantile of Student's t, by bisection of its distribution. */
export function quantile(freedom: number): number {
  const found = known.get(freedom);
  if (found !== undefined) return found;
  let [low, high] = [1.9, 13];
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (outside(middle, freedom) > 0.05) low = middle;
    else high = middle;
  }
  known.set(freedom, (low + high) / 2);
  return (low + high) / 2;
}

/** The chance of a value farther from 0 than t: the incomplete beta function. */
function outside(t: number, freedom: number): number {
  return beta(freedom / (freedom + t * t), freedom / 2, 0.5);
}

/**
 * The regularised incomplete beta function, by Lentz's continued fraction.
 *
 * Source: Press et al., Numerical Recipes, 6.4.
 */
function beta(x: number, a: number, b: number): number {
  if (x <= 0 || x >= 1) return Number(x >= 1);
  if (x > (a + 1) / (a + b + 2)) return 1 - beta(1 - x, b, a);
  const front = Math.exp(
    logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log1p(-x),
  );
  const tiny = 1e-300;
  const apart = (value: number) => (Math.abs(value) < tiny ? tiny : value);
  let c = 1;
  let d = 1 / apart(1 - ((a + b) * x) / (a + 1));
  let sum = d;
  for (let m = 1; m < 500; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / apart(1 + even * d);
    c = apart(1 + even / c);
    sum *= d * c;
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / apart(1 + odd * d);
    c = apart(1 + odd / c);
    sum *= d * c;
    if (Math.abs(d * c - 1) < 1e-15) break;
  }
  return (front * sum) / a;
}

/** Stirling's series, after the argument is made large enough for it. */
function logGamma(x: number): number {
  let [shift, at] = [0, x];
  while (at < 12) {
    shift += Math.log(at);
    at += 1;
  }
  const inverse = 1 / (at * at);
  const series =
    (1 / 12 - inverse * (1 / 360 - inverse * (1 / 1260 - inverse * (1 / 1680 - inverse / 1188)))) /
    at;
  return (at - 0.5) * Math.log(at) - at + 0.5 * Math.log(2 * Math.PI) + series - shift;
}
