// Where a colour scale ends.

/**
 ** The `share` quantile of the sizes of numbers, so that a few extreme ones do not wash out the rest;
 ** 1 if all are 0.
 */
export function limitOf(values: ArrayLike<number>, share = 0.998): number {
  const sizes = Float64Array.from(values, Math.abs).sort();
  const place = share * (sizes.length - 1);
  const [low, high] = [sizes[Math.floor(place)] ?? 0, sizes[Math.ceil(place)] ?? 0];
  return low + (place % 1) * (high - low) || 1;
}
