// Pairs: read from the table of interactions, placed, sorted, walked through by keyboard.
import { describe, expect, test } from "vitest";
import {
  described,
  keyOf,
  limit,
  moved,
  type Pair,
  pairsOf,
  placeOf,
  rowOf,
  significant,
  strongest,
  summary,
  testText,
} from "../src/views/pairs/pairs";

const ROW = {
  evaluation: "clean",
  unit_a: 15,
  unit_b: 3,
  units: "3,15",
  drop_pp: 68.14,
  sum_pp: 58.42,
  excess_pp: 9.72,
  excess_low_pp: 8.57,
  excess_high_pp: 10.87,
  p_adjusted: 0.0001,
  only_pair: 2105,
  only_pair_class: "2",
  only_pair_class_percent: 55.7,
};

function pair(a: number, b: number, excessPp: number): Pair {
  return { ...pairsOf([ROW], "clean")[0]!, units: [a, b], excessPp };
}

const EXCESS = [1.5, -20, 3, 0.25, -2, 4.5];
const PAIRS = EXCESS.map((value, i) => pair(0, i + 1, value));

describe("a pair of the table", () => {
  const [found] = pairsOf([ROW, { ...ROW, evaluation: "published" }], "clean");

  test("is read for the evaluation asked for, units ascending", () => {
    expect(pairsOf([ROW], "published")).toEqual([]);
    expect(found?.units).toEqual([3, 15]);
    expect(keyOf(found!)).toBe("3,15");
  });

  test("keeps its numbers on the way to the CSV", () => {
    const { evaluation, unit_a, unit_b, ...numbers } = ROW;
    expect(rowOf(found!)).toEqual(numbers);
  });

  test("in words has drop, sum, excess with interval, p and what only the pair loses", () => {
    const text = described(found!, "units 4 and 16");
    expect(text).toMatch(/^Units 4 and 16: drop 68\.14 pp, sum of both 58\.42 pp/);
    expect(text).toContain("excess 9.72 [8.57, 10.87]");
    expect(text).toContain("adjusted p\u00a0<\u00a00.001");
    expect(text).toContain("2,105 lost only by the pair");
  });

  test("without a p says so and is not significant", () => {
    const [without] = pairsOf([{ ...ROW, p_adjusted: null }], "clean");
    expect(testText(without!)).toBe("no p");
    expect(significant(without!)).toBe(false);
    expect(significant(found!)).toBe(true);
  });
});

test("the scale ends at 98 % of the pairs or at the strongest, as lashley.figures.excess has it", () => {
  expect(limit(PAIRS)).toBeCloseTo(18.45, 10); // numpy.quantile
  expect(limit([...PAIRS, pair(1, 2, 30)])).toBe(30);
});

test("the strongest come first, from either side", () => {
  expect(strongest(PAIRS, "more", 2).map(({ excessPp }) => excessPp)).toEqual([4.5, 3]);
  expect(strongest(PAIRS, "less", 2).map(({ excessPp }) => excessPp)).toEqual([-20, -2]);
});

test("all pairs in words are counted by the adjusted p, and by the interval as the claims do", () => {
  const of = (excessPp: number, low: number, high: number, pAdjusted: number): Pair => ({
    ...pair(0, 1, excessPp),
    interval: { low, high },
    pAdjusted,
  });
  const some = [of(5, 4, 6, 0.001), of(-3, -4, -2, 0.001), of(-2, -3, -1, 0.06), of(1, -1, 3, 0.5)];
  expect(summary(some, () => "units 1 and 2")).toBe(
    "Of 4 pairs 1 cost more than the sum of their units and 1 less, by an adjusted p below 0.05; " +
      "by the 95 % interval alone, as the claims count, 1 and 2. " +
      "Strongest: units 1 and 2, 5.00 [4.00, 6.00]\u00a0pp.",
  );
});

describe("places", () => {
  const order = [4, 2, 0, 3, 1];
  const n = order.length;
  const all = order.flatMap((a) => order.filter((b) => b > a).map((b) => pair(a, b, 0)));

  test("each pair has its own, below the diagonal", () => {
    const places = all.map((each) => placeOf(each, order));
    for (const { row, column } of places) expect(column).toBeLessThan(row);
    expect(new Set(places.map(({ row, column }) => `${row},${column}`)).size).toBe(10);
  });

  test("arrows, Home and End lead to places of pairs only, and can reach all", () => {
    const keys = ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End"];
    const reached = new Set(["1,0"]);
    const open = [{ row: 1, column: 0 }];
    for (let now = open.pop(); now; now = open.pop())
      for (const key of keys) {
        const next = moved(key, now, n)!;
        expect(next.column).toBeLessThan(next.row);
        expect(next.row).toBeLessThan(n);
        const name = `${next.row},${next.column}`;
        if (!reached.has(name)) open.push(next);
        reached.add(name);
      }
    expect(reached.size).toBe(10);
    expect(moved("Tab", { row: 1, column: 0 }, n)).toBeNull();
  });
});
