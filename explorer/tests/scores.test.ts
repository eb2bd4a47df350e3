// The numbers behind the scores, the claims, the cases and the tables.

import { describe, expect, test, vi } from "vitest";
import { sweepWith } from "./made";

vi.hoisted(() => Object.assign(globalThis, { location: { hash: "" }, addEventListener: () => {} }));

import type { Effect } from "../src/model/effect";
import { isP, scoreTitle } from "../src/model/scores";
import type { Tables } from "../src/model/tables";
import type { Cell, Row, Table } from "../src/page/blocks";
import type { Report } from "../src/page/report";
import { pText } from "../src/shared/numbers";
import { tallyText } from "../src/shared/tally";
import { claimOf, columnsOf, decided, measuredText, tally } from "../src/shared/verdicts";
import { searchable } from "../src/views/data/filter";
import { addressOf, changes, findGroup, findUnits, preview } from "../src/views/overview/cases";
import { axisOf, onAxis, shownAt } from "../src/views/scores/axes";
import {
  coefficientText,
  correlations,
  ofNetwork,
  ofPopulation,
  pooled,
  spread,
} from "../src/views/scores/coefficients";
import { beside, POINT, together } from "../src/views/scores/labels";
import { inWords, pointsOf, rowOf } from "../src/views/scores/points";
import { scoredUnits } from "../src/views/scores/units";

const REPORT = { kind: "mlp", first_unit: 1 } as Report;

const SCORES = [
  { network: "main", unit: 1, ks_distance: 0.2, mann_whitney_p: 0.5, firing_share: 0.4 },
  { network: "main", unit: 0, ks_distance: 0.01, mann_whitney_p: null, firing_share: 0.004 },
  { network: "main", unit: 7, ks_distance: 0.3, mann_whitney_p: 0, firing_share: 1 },
  { network: "population-01", unit: 0, ks_distance: 0.9, mann_whitney_p: 0.1, firing_share: 1 },
];

function effect(units: string, drop_pp: number, more: Record<string, string> = {}) {
  const whole = { network: "main", evaluation: "clean", design: "singles", class: "all", ...more };
  return { ...whole, units, drop_pp, drop_low_pp: drop_pp - 1, drop_high_pp: drop_pp + 1 };
}

const EFFECTS = [
  effect("0", 0.5),
  effect("1", 20),
  effect("0,1", 30, { design: "pairs" }),
  effect("1", 99, { class: "3" }),
  effect("1", 44, { evaluation: "published" }),
  effect("0", 77, { network: "population-01" }),
];

describe("units", () => {
  test("are the network's own, in order, with the drop of the evaluation asked for", () => {
    const units = scoredUnits(SCORES, EFFECTS, "clean");
    expect(units.map(({ unit, dropPp }) => [unit, dropPp])).toEqual([
      [0, 0.5],
      [1, 20],
    ]);
    expect(units[1]?.interval).toEqual({ low: 19, high: 21 });
    expect(scoredUnits(SCORES, EFFECTS, "published").map(({ dropPp }) => dropPp)).toEqual([44]);
  });

  test("are dead where they fire on less than 0.5 % of the examples", () => {
    expect(scoredUnits(SCORES, EFFECTS, "clean").map(({ dead }) => dead)).toEqual([true, false]);
  });

  test("have a point where they have the score, called as in the paper, counted from 0 in rows", () => {
    const units = scoredUnits(SCORES, EFFECTS, "clean");
    const points = pointsOf(REPORT, units, "mann_whitney_p", [1]);
    expect(points.map(({ name, x, marked }) => [name, x, marked])).toEqual([["2", 0.5, true]]);
    expect(rowOf(points[0]!, "mann_whitney_p")).toEqual({
      units: 1,
      mann_whitney_p: 0.5,
      drop_pp: 20,
      drop_low_pp: 19,
      drop_high_pp: 21,
      dead: false,
    });
  });

  test("p-values are known by name", () => {
    const names = ["mann_whitney_p", "p", "mann_whitney_p_adjusted", "drop_pp", "weight_l2"];
    expect(names.map(isP)).toEqual([true, true, true, false, false]);
    expect(scoreTitle("my_own_score")).toBe("my own score");
  });
});

describe("coefficients", () => {
  const numbers = { pearson: -0.44, pearson_low: -0.681, pearson_high: -0.105, pearson_p: 0.0524 };
  const row = (over: string, score: string) => ({
    ...numbers,
    over,
    score,
    spearman: null,
    spearman_low: null,
    spearman_high: null,
    spearman_p: null,
    n: 20,
  });
  const names = ["main, clean", "main, published", "population, pooled"];
  const all = correlations(
    [...names, "population-01", "population-02"].flatMap((o) => [row(o, "a"), row(o, "b")]),
  );

  test("belong to the network, to each further one, or to all of these", () => {
    expect(ofNetwork(all, "published").map(({ score }) => score)).toEqual(["a", "b"]);
    expect(ofPopulation(all, "b").map(({ over }) => over)).toEqual([
      "population-01",
      "population-02",
    ]);
    expect(pooled(all, "b")?.over).toBe("population, pooled");
    expect(pooled([], "b")).toBeUndefined();
  });

  test("are said with interval and p, or why there are none", () => {
    const [found] = all;
    expect(coefficientText(found!.pearson).replaceAll("\u00a0", " ")).toBe(
      "−0.44 [−0.68, −0.10], p = 0.052",
    );
    expect(coefficientText(found!.spearman)).toMatch(/not defined, one of the two is constant/);
    expect(inWords("ks_distance", 20, found)).toMatch(/over 20 units\. Pearson −0\.44 .* Spearman/);
  });

  test("a small p is a bound", () => {
    expect([pText(0), pText(0.00099)]).toEqual(Array(2).fill("p\u00a0<\u00a00.001"));
  });

  test("spread leaves out what does not exist", () => {
    expect(spread([1, Number.NaN, 3])).toEqual({ mean: 2, sd: Math.SQRT2, n: 2 });
  });
});

describe("axes", () => {
  test("a logarithmic one has positive numbers alone inside, and a 0 at its end", () => {
    const axis = axisOf([0, 1e-20, 1], true);
    expect(axis.domain[0]).toBeGreaterThan(0);
    expect(axis.domain[0]).toBeLessThan(1e-20);
    expect(shownAt(axis, 0)).toBe(axis.domain[0]);
    expect(onAxis(axis, 1e-10, 0, 100)).toBeCloseTo(50, 6);
  });

  test("a linear one has room on both sides; equal or no numbers have an axis too", () => {
    expect(axisOf([0, 100], false).domain).toEqual([-6, 106]);
    expect(onAxis(axisOf([0, 100], false), 50, 200, 0)).toBeCloseTo(100);
    for (const values of [[], [5, 5], [Number.NaN]]) {
      const [low, high] = axisOf(values, false).domain;
      expect(high).toBeGreaterThan(low);
    }
  });
});

test("labels hide neither points nor each other where there is room", () => {
  const points = [0, 1, 2, 3, 4].map((i) => ({ x: 100 + 14 * i, y: 100 + 3 * (i % 2) }));
  const labels = ["1", "12", "13", "4", "20"];
  const boxes = beside(points, labels).map(
    (spot, i) => [spot, 7.2 * labels[i]!.length, 12] as const,
  );
  const all = [...boxes, ...points.map((point) => [point, POINT, POINT] as const)];
  for (const [i, [a, wide, high]] of boxes.entries()) {
    for (const [k, [b, width, height]] of all.entries()) {
      if (i === k) continue;
      const apart = Math.abs(a.x - b.x) >= (wide + width) / 2 - 1e-9;
      expect(apart || Math.abs(a.y - b.y) >= (high + height) / 2 - 1e-9).toBe(true);
    }
  }
});

describe("claims", () => {
  const mlp = {
    where: "Fig. 3",
    claim: "drop",
    unit: "pp",
    printed: "44.5",
    note: "",
    clean: 47.87,
    clean_low: 46.84,
    clean_high: 48.88,
    clean_holds: false,
    published: null,
    published_low: null,
    published_high: null,
    published_holds: null,
  };
  const layers = {
    where: "5",
    claim: "more",
    unit: "",
    printed: "",
    measured: -3,
    low: null,
    high: null,
    holds: "undecided",
    of: "any network",
    note: "why",
    method: "zero_weights",
  };

  test("of an MLP study are decided on clean data, and say what was not measured", () => {
    const columns = columnsOf(Object.keys(mlp));
    expect(columns.map(({ heading }) => heading)).toEqual(["Measured, clean", "As published"]);
    const claim = claimOf(mlp, columns);
    expect(decided(claim)).toBe("no");
    expect(claim.measurements).toEqual([
      { text: "47.87 [46.84, 48.88]\u00a0pp", verdict: "no" },
      { text: "", verdict: null },
    ]);
  });

  test("of an MLP study without a replay have one column", () => {
    expect(columnsOf(["clean", "clean_holds"]).map(({ heading }) => heading)).toEqual(["Measured"]);
  });

  test("of a layer study have one measurement, with a number of their own", () => {
    const claim = claimOf(layers, columnsOf(Object.keys(layers)));
    expect(claim.measurements).toEqual([{ text: "−3", verdict: "undecided" }]);
    expect([claim.of, claim.note]).toEqual(["any network", "why"]);
  });

  test("are counted", () => {
    const columns = columnsOf(Object.keys(layers));
    const some = ["yes", "yes", "no", "undecided"].map((holds) =>
      claimOf({ ...layers, holds }, columns),
    );
    expect(tally(some)).toEqual({ yes: 2, no: 1, undecided: 1 });
    expect(tallyText(tally(some))).toBe("2 of 4 claims hold, 1 do not, 1 is undecided.");
  });

  test("p-values are written as such", () => {
    expect(measuredText(0.0039, null, null, "p").replaceAll("\u00a0", " ")).toBe("p = 0.0039");
    expect(measuredText(16, null, null, "units")).toBe("16\u00a0units");
    expect(measuredText(null, null, null, "%")).toBe("");
  });
});

test("rows are found by any of their text, in any case", () => {
  const rows = [
    { a: "Fig. 3", b: 47.87 },
    { a: "zero_weights", b: null },
  ];
  const search = searchable(rows);
  expect(search(" FIG")).toEqual([rows[0]]);
  expect(search("47.8")).toEqual([rows[0]]);
  expect(search("(")).toEqual([]);
  expect(search("")).toBe(rows);
});

describe("cases", () => {
  const mlp = {
    row: 0,
    site: "fc1",
    units: [3, 15],
    method: "zero_weights",
    design: "pairs",
    more: {},
  };
  const sweep = sweepWith(
    { name: "clean", title: "" },
    [mlp],
    Uint8Array.of(0, 1),
    Uint8Array.of(0, 0),
  );

  test("name units, and show what their ablation did", () => {
    const examples = { length: 2, label: [0, 1], x: null, y: null };
    const seen = preview(sweep, examples, findUnits(sweep), "#view=explore&units=3,15");
    expect(seen?.effect).toMatchObject({ lost: 1, gained: 0, dropPp: 50 });
    expect(preview(sweep, examples, findUnits(sweep), "#view=explore&units=99")).toBeNull();
    expect(preview(sweep, examples, findUnits(sweep), "#view=explore")).toBeNull();
  });

  test("or a group, if the page carries its outcomes", () => {
    const row = (anchor: number, row: number, more = {}) => ({
      site: "features.3",
      units: `1,${anchor}`,
      method: "zero_weights",
      proportion: 0.05,
      design: "similar_groups",
      anchor,
      drop_pp: 1,
      drop_low_pp: 0,
      drop_high_pp: 2,
      row,
      ...more,
    });
    const rows = [row(42, 9, { proportion: 0.1 }), row(42, 1), row(43, -1)];
    const find = findGroup({ groups: tableOf(rows) } as unknown as Tables);
    const place = { site: "features.3", method: "zero_weights", proportion: "0.05" };
    expect(find({ ...place, group: "42" })).toMatchObject({ row: 1, units: [1, 42] });
    expect(find({ ...place, group: "43" })).toBeUndefined();
    expect(find({ ...place, site: "features.0", group: "42" })).toBeUndefined();
  });

  test("say what changed, with the pair's own losses", () => {
    const [lost, gained, pair] = changes({ lost: 6894, gained: 80, onlyPair: 2105 } as Effect);
    expect([lost, gained]).toEqual([
      ["lost", "6,894 lost"],
      ["gained", "80 gained"],
    ]);
    expect(pair).toEqual(["only-pair", "2,105 only by the pair"]);
    expect(changes({ lost: 1, gained: 0, onlyPair: 0 } as Effect)).toHaveLength(2);
  });

  test("keep the theme, and nothing else of the address", () => {
    expect(addressOf("#view=explore&units=3,15", { theme: "dark", class: "3" })).toBe(
      "#view=explore&units=3,15&theme=dark",
    );
    expect(addressOf("#view=explore", {})).toBe("#view=explore");
  });
});

function tableOf(rows: readonly Row[]): Table {
  return {
    names: Object.keys(rows[0] ?? {}),
    length: rows.length,
    column: <T extends Cell>(name: string) => rows.map((row) => row[name]) as T[],
    rows: () => [...rows],
  };
}

describe("labels of points that lie on each other", () => {
  const points = [
    { x: 50, y: 50 },
    { x: 90, y: 50 },
    { x: 51, y: 52 },
    { x: 50, y: 50 },
  ];

  test("are one, but not of points that look different", () => {
    expect(together(points)).toEqual([[0, 2, 3], [1]]);
    expect(together(points, [false, false, true, false])).toEqual([[0, 3], [1], [2]]);
  });

  test("stand beside what is taken otherwise, such as the line at 0", () => {
    const line = { x: 100, y: 50, width: 200, height: 2 };
    for (const { y } of beside(points.slice(0, 2), ["6, 11, 18", "13"], [], [line]))
      expect(Math.abs(y - 50)).toBeGreaterThanOrEqual(6 + 1);
  });
});

test("sentences begin with a capital letter", () => {
  expect(inWords("firing_share", 20, undefined)).toMatch(/^Share of examples it fires on against/);
});
