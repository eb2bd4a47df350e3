// Intervals, as lashley.stats computes them.

export interface Interval {
  readonly low: number;
  readonly high: number;
}

const Z = 1.959963984540054; // of 95 %

/**
 * 95 % interval of the mean of paired differences, as shares.
 *
 * Source: Bonett and Price 2012, J. Educ. Behav. Stat. 37:479; lashley.stats.paired_interval.
 */
export function pairedInterval(lost: number, gained: number, n: number): Interval {
  const total = lost - gained;
  const mean = total / (n + 2);
  const variance = Math.max((lost + gained + 2) / (n + 2) - mean ** 2, 0);
  const half = Z * Math.sqrt(variance / (n + 2));
  const observed = n > 0 ? total / n : 0;
  return {
    low: Math.max(Math.min(mean - half, observed), -1),
    high: Math.min(Math.max(mean + half, observed), 1),
  };
}

/** 95 % interval of a share. Source: Wilson 1927, J. Am. Stat. Assoc. 22:209. */
export function shareInterval(part: number, whole: number): Interval {
  if (whole === 0) return { low: 0, high: 1 };
  const middle = (part + Z ** 2 / 2) / (whole + Z ** 2);
  const half = (Z / (whole + Z ** 2)) * Math.sqrt((part * (whole - part)) / whole + Z ** 2 / 4);
  return {
    low: part > 0 ? Math.max(middle - half, 0) : 0,
    high: part < whole ? Math.min(middle + half, 1) : 1,
  };
}
