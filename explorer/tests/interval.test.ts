// Intervals and densities against lashley.stats; tests/fixtures.py wrote what they are held against.
import { describe, expect, test } from "vitest";
import { pairedInterval, shareInterval } from "../src/model/interval";
import { density } from "../src/views/scores/coefficients";
import found from "./intervals.json";

const CLOSE = 12; // digits

describe("intervals are those of lashley.stats", () => {
  test.each(found.paired)("%i lost, %i gained of %i", (lost, gained, n, low, high) => {
    const interval = pairedInterval(lost!, gained!, n!);
    expect(interval.low).toBeCloseTo(low!, CLOSE);
    expect(interval.high).toBeCloseTo(high!, CLOSE);
  });

  test.each(found.share)("%i of %i", (part, whole, low, high) => {
    const interval = shareInterval(part!, whole!);
    expect(interval.low).toBeCloseTo(low!, CLOSE);
    expect(interval.high).toBeCloseTo(high!, CLOSE);
  });
});

test("none and all are exact ends, not a rounding error beside them", () => {
  for (let n = 1; n <= 300; n++) {
    expect([shareInterval(0, n).low, shareInterval(n, n).high]).toEqual([0, 1]);
  }
});

test.each(found.density)("the density of %j is that of lashley.stats", (values, expected) => {
  const heights = density(values as number[], found.grid);
  for (const [i, height] of heights.entries()) {
    expect(height).toBeCloseTo((expected as number[])[i]!, 9);
  }
});
