// The row of units: order, choice, keyboard, colours, and drops as the run's tables have them.

import { describe, expect, test } from "vitest";
import { limitOf } from "../src/model/limit";
import { images, unitInfos } from "../src/model/study";
import { sorted, type UnitInfo } from "../src/model/units";
import type { Report } from "../src/page/report";
import { around, diverging, sequential } from "../src/shared/colours";
import { chosenAfter, described, orders, stepped } from "../src/views/units/order";
import found from "./effects.json"; // of lashley.effects; the file says how it was made
import { sweepWith } from "./made";

function unit(number: number, dropPp: number, scores: Record<string, number> = {}): UnitInfo {
  const interval = { low: dropPp - 1, high: dropPp + 1 };
  return {
    unit: number,
    name: `unit ${number}`,
    dropPp,
    interval,
    dead: false,
    image: null,
    scores,
  };
}

describe("sorted", () => {
  const units = [unit(2, 5, { a: 0.1 }), unit(0, 9), unit(1, 5, { a: 3 }), unit(3, -1, { a: NaN })];
  const order = (by: string) => sorted(units, by).map((each) => each.unit);

  test("by number upwards, by anything else downwards, equals by number", () => {
    expect(order("index")).toEqual([0, 1, 2, 3]);
    expect(order("drop")).toEqual([0, 1, 2, 3]);
    expect(order("a").slice(0, 2)).toEqual([1, 2]);
  });

  test("what has no value comes last, and nothing is lost", () => {
    expect(order("a")).toEqual([1, 2, 0, 3]);
    const gap = [unit(0, 0, { a: Number.NaN }), unit(1, 0, { a: 1 }), unit(2, 0, { a: 2 })];
    expect(sorted(gap, "a").map((each) => each.unit)).toEqual([2, 1, 0]);
    expect(order("no such score").sort()).toEqual([0, 1, 2, 3]);
  });

  test("any score can be sorted by", () => {
    expect(orders(units).map(([value]) => value)).toEqual(["index", "drop", "a"]);
  });
});

describe("chosenAfter", () => {
  const all = () => true;

  test("none, one, a pair; a third starts anew", () => {
    expect(chosenAfter([], 3, all)).toEqual([3]);
    expect(chosenAfter([15], 3, all)).toEqual([3, 15]);
    expect(chosenAfter([3, 15], 7, all)).toEqual([7]);
  });

  test("a chosen unit is taken away", () => {
    expect(chosenAfter([3, 15], 3, all)).toEqual([15]);
    expect(chosenAfter([3], 3, all)).toEqual([]);
  });

  test("a pair that was not carried out leaves the unit clicked last", () => {
    const only = (pair: readonly number[]) => pair.join() === "1,2";
    expect(chosenAfter([2], 1, only)).toEqual([1, 2]);
    expect(chosenAfter([2], 3, only)).toEqual([3]);
  });
});

test("arrows, Home and End move in the grid and never leave it", () => {
  expect(stepped("ArrowRight", 0, 7, 3)).toBe(1);
  expect(stepped("ArrowDown", 1, 7, 3)).toBe(4);
  expect(stepped("End", 1, 7, 3)).toBe(6);
  expect(stepped("Tab", 1, 7, 3)).toBeNull();
  for (const key of ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End"])
    for (let now = 0; now < 7; now++) {
      const next = stepped(key, now, 7, 3);
      expect(next).toBeGreaterThanOrEqual(0);
      expect(next).toBeLessThan(7);
    }
  expect(stepped("ArrowRight", 6, 7, 3)).toBe(6);
  expect(stepped("ArrowUp", 2, 7, 3)).toBe(2);
});

test("a unit in words has its drop, its interval, and whether it is dead", () => {
  const text = described({ ...unit(4, 2, { weight_l1: 29.6 }), dead: true });
  expect(text).toContain("unit 4: drop 2.00 [1.00, 3.00]");
  expect(text).toContain("dead");
  expect(text).toContain("L1 norm of the weights 29.600");
});

test("where a group is ablated, being dead and the scores are those of the filter itself", () => {
  const text = described({ ...unit(4, 2, { weight_l1: 29.6 }), dead: true }, "filter");
  expect(text).toContain("filter dead");
  expect(text).toContain("filter L1 norm of the weights 29.600");
});

describe("colours", () => {
  const channels = (css: string) => (css.match(/\d+/g) ?? []).map(Number);
  const luminance = (css: string) => {
    const [r, g, b] = channels(css).map((value) => {
      const v = value / 255;
      return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
    }) as [number, number, number];
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const steps = Array.from({ length: 21 }, (_, i) => i / 20);

  test("more drop is darker on light paper and lighter on dark paper", () => {
    const [light, dark] = (["light", "dark"] as const).map((theme) =>
      steps.map((t) => luminance(sequential(theme).css(t))),
    ) as [number[], number[]];
    expect(light).toEqual([...light].sort((a, b) => b - a));
    expect(dark).toEqual([...dark].sort((a, b) => a - b));
  });

  test("0 is neutral, below it is blue, above it is red", () => {
    for (const theme of ["light", "dark"] as const) {
      const [r, g, b] = channels(diverging(theme).css(0.5)) as [number, number, number];
      expect(Math.max(r, g, b) - Math.min(r, g, b)).toBeLessThan(6);
      const [low, high] = [0.25, 0.75].map((t) => channels(diverging(theme).css(t)));
      expect(low?.[2]).toBeGreaterThan(low?.[0] ?? 0);
      expect(high?.[0]).toBeGreaterThan(high?.[2] ?? 0);
    }
  });

  test("what lies outside the scale takes the end's colour", () => {
    const ramp = diverging("light");
    expect(ramp.css(-3)).toBe(ramp.css(0));
    expect(ramp.css(7)).toBe(ramp.css(1));
  });

  test("text can be read on every colour", () => {
    for (const theme of ["light", "dark"] as const)
      for (const ramp of [sequential(theme), diverging(theme)])
        for (const t of steps) {
          const [on, ink] = [luminance(ramp.css(t)), ramp.ink(t) === "#000000" ? 0 : 1];
          const contrast = (Math.max(on, ink) + 0.05) / (Math.min(on, ink) + 0.05);
          expect(contrast).toBeGreaterThan(4.5);
        }
  });

  test("the scale ends at a quantile of the sizes, as numpy.quantile has it", () => {
    const values = [1.5, -20, 3, 0.25, -2, 4.5];
    expect(limitOf(values, 0.98)).toBeCloseTo(18.45, 10);
    expect(limitOf(values)).toBeCloseTo(19.845, 10);
    expect(limitOf([0, 0])).toBe(1);
    expect(limitOf([])).toBe(1);
    expect([-2, 0, 2].map((value) => around(value, 2))).toEqual([0, 0.5, 1]);
  });
});

describe("the units of a study", () => {
  const { label, intact, predictions, effects } = found;
  const sweep = sweepWith(
    { name: "clean", title: "" },
    [1, 0].map((unit, row) => ({
      row,
      site: "fc1",
      units: [unit],
      method: "zero_weights",
      design: "singles",
      more: {},
    })),
    Uint8Array.from(intact),
    Uint8Array.from([1, 0].flatMap((unit) => predictions[unit] ?? [])),
  );
  const examples = { length: label.length, label, x: null, y: null };
  const report = { kind: "mlp", first_unit: 1 } as Report;
  const scores = [
    { network: "main", site: "fc1", unit: 0, weight_l1: 2.5, firing_share: 0, drop_pp: 1 },
    { network: "main", site: "fc1", unit: 1, weight_l1: 3.5, firing_share: 0.4, drop_pp: 1 },
    { network: "population-00", site: "fc1", unit: 1, weight_l1: 9, firing_share: 0, drop_pp: 1 },
  ];
  const weights = images({ shape: [2, 1, 3], values: Float32Array.of(1, 2, 3, 4, 5, 6) });
  const units = unitInfos(report, examples, sweep, weights, scores);

  test("stand in the order of their numbers, which count as the report says", () => {
    expect(units.map((each) => [each.unit, each.number, each.name])).toEqual([
      [0, "1", "unit 1"],
      [1, "2", "unit 2"],
    ]);
  });

  test("have the drops and intervals that lashley.effects computes", () => {
    for (const [i, { dropPp, interval }] of units.entries()) {
      const all = effects[i]?.all;
      expect(dropPp).toBeCloseTo(all?.drop_pp ?? NaN, 9);
      expect(interval.low).toBeCloseTo(all?.low ?? NaN, 9);
      expect(interval.high).toBeCloseTo(all?.high ?? NaN, 9);
    }
  });

  test("have the scores of the network under study, and are dead where they never fire", () => {
    expect(units.map((each) => each.scores.weight_l1)).toEqual([2.5, 3.5]);
    expect(units.map((each) => each.dead)).toEqual([true, false]);
    expect(units[0]?.scores).not.toHaveProperty("drop_pp");
  });

  test("have their own weights", () => {
    expect([...(units[1]?.image?.values ?? [])]).toEqual([4, 5, 6]);
    expect(units[1]?.image).toMatchObject({ width: 3, height: 1 });
  });
});
