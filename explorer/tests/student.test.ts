// Student's t against lashley.stats and against tables; tests/fixtures.py wrote the former.
import { describe, expect, test } from "vitest";
import { meanInterval, quantile } from "../src/model/student";
import found from "./intervals.json";

describe("the interval of a mean is that of lashley.stats.mean_interval", () => {
  test.each(found.mean)("sum %d, squares %d of %i", (total, squares, n, low, high) => {
    const interval = meanInterval(total!, squares!, n!);
    const scale = Math.abs(high! - low!) + Math.abs(low!) + 1e-300;
    expect(Math.abs(interval.low - low!) / scale).toBeLessThan(1e-10);
    expect(Math.abs(interval.high - high!) / scale).toBeLessThan(1e-10);
  });

  test("below two examples it is everything", () => {
    expect(meanInterval(3, 9, 1)).toEqual({ low: -Infinity, high: Infinity });
  });
});

test.each([
  [1, 12.706204736432095],
  [2, 4.302652729911275],
  [10, 2.2281388519649385],
  [1e6, 1.9599662],
])("the quantile for %i degrees of freedom", (freedom, expected) => {
  expect(quantile(freedom)).toBeCloseTo(expected, 6);
});
