// The list of ablations: found, in order, by site; and of that the part in view.
import { describe, expect, test } from "vitest";
import {
  found,
  type Line,
  linesOf,
  movedTo,
  orderAfter as next,
  scrolledTo,
  windowOf,
} from "../src/model/listing";
import { unitsName } from "../src/model/names";
import { carriedOf, listingOf, nearestCarried } from "../src/model/outcomes";
import type { Measure, OutcomesFacts } from "../src/page/report";
import { tableOf } from "./made";

const DROP: Measure = {
  name: "drop",
  value: "drop_pp",
  low: "drop_low_pp",
  high: "drop_high_pp",
  p: "p_adjusted",
  unit: "pp",
};
const FACTS: OutcomesFacts = {
  readout: "classification",
  measures: [DROP],
  cards: { kind: "none", note: "" },
  columns: [],
  total: 10,
  to_precision: false,
};
const ROWS = [
  ["fc2", "3", "silence", "singles", 2, 0],
  ["fc2", "12", "silence", "singles", -1, 1],
  ["conv12", "1", "silence", "singles", 7, 2],
  ["conv12", "1,3", "silence", "pairs", 9, -1],
  ["fc2", "3,12", "silence", "pairs", Number.NaN, 3],
  ["fc2", "0,1,2,3,4,5", "mean", "random_groups", 0, 4],
].map(([site, units, method, design, drop, row]) => ({
  ...{ site, units, method, design, row },
  drop_pp: drop,
  drop_low_pp: Number(drop) - 1,
  drop_high_pp: Number(drop) + 1,
  p_adjusted: 0.5,
})) as Record<string, string | number>[];
const SITES = [
  { site: "fc2", measure: "drop", ablations: 4, mean: 0.5, low: 0, high: 1 },
  { site: "conv12", measure: "drop", ablations: 2, mean: 8, low: 7, high: 9 },
];
const listing = listingOf(FACTS, tableOf(ROWS), tableOf(SITES));
const ASKED = { find: "", order: "-value", bySite: false, open: [] };
const ids = (lines: readonly Line[]) =>
  lines.map((line) => (line.kind === "site" ? line.site : line.id));

describe("words find", () => {
  test.each([
    ["", [0, 1, 2, 3, 4, 5]],
    ["conv", [2, 3]],
    ["12", [1, 2, 3, 4]], // a unit, or in the name of a site
    ["fc2 12", [1, 4]],
    ["3", [0, 3, 4, 5]], // not 12
    ["3,12", [4]],
    ["12,", [1, 4]],
    ["MEAN fc", [5]],
    ["pairs conv12", [3]],
    ["nothing", []],
  ])("“%s”", (text, expected) => {
    expect(found(listing.listed, text)).toEqual(expected);
  });
});

describe("the order", () => {
  test.each([
    ["-value", [3, 2, 0, 5, 1, 4]], // what was not measured comes last
    ["value", [1, 5, 0, 2, 3, 4]],
    ["site", [0, 1, 4, 5, 2, 3]], // forward, as the sites came
    ["units", [2, 0, 1, 3, 4, 5]], // fewer units first
    ["method", [5, 0, 1, 2, 3, 4]],
    ["p", [0, 1, 2, 3, 4, 5]],
  ])("%s", (order, expected) => {
    expect(ids(linesOf(listing, { ...ASKED, order }, DROP))).toEqual(expected);
  });

  test("a heading asks for it, and then for the other way round", () => {
    expect([next("value", "site"), next("value", "-value"), next("value", "value")]).toEqual([
      "-value",
      "value",
      "-value",
    ]);
    expect([next("site", "-value"), next("site", "site")]).toEqual(["site", "-site"]);
  });
});

describe("by site", () => {
  test("sites stand in the order of their means, open ones with their ablations", () => {
    const lines = linesOf(listing, { ...ASKED, bySite: true, open: [0] }, DROP);
    expect(ids(lines)).toEqual(["conv12", "fc2", 0, 5, 1, 4]);
    expect(lines[0]).toMatchObject({ found: 2, ofAll: true, mean: { value: 8, low: 7, high: 9 } });
  });

  test("the mean is of what is found, without an interval, where not all of a site is", () => {
    const lines = linesOf(listing, { ...ASKED, bySite: true, find: "fc2 singles" }, DROP);
    expect(ids(lines)).toEqual(["fc2"]);
    expect(lines[0]).toMatchObject({
      found: 2,
      ofAll: false,
      mean: { value: 0.5, low: Number.NaN },
    });
  });
});

describe("the part in view", () => {
  test("is what one sees and a little more, of however many", () => {
    expect(windowOf(0, 340, 34, 10_000)).toEqual({ first: 0, last: 18 });
    expect(windowOf(34_000, 340, 34, 10_000)).toEqual({ first: 992, last: 1018 });
    expect(windowOf(0, 340, 34, 3)).toEqual({ first: 0, last: 3 });
  });

  test("moves no farther than a line needs", () => {
    expect(scrolledTo(5, 0, 340, 34)).toBe(0);
    expect(scrolledTo(10, 0, 340, 34)).toBe(34);
    expect(scrolledTo(2, 340, 340, 34)).toBe(68);
  });

  test("keys walk along it", () => {
    expect(
      ["ArrowDown", "ArrowUp", "PageDown", "Home", "End", "x"].map((key) =>
        movedTo(key, 5, 100, 10),
      ),
    ).toEqual([6, 4, 15, 0, 99, null]);
    expect([movedTo("ArrowUp", 0, 3, 10), movedTo("PageDown", 1, 3, 10)]).toEqual([0, 2]);
    expect(movedTo("End", 0, 0, 10)).toBeNull();
  });
});

describe("what the page carries by example", () => {
  test("a pair is one only where both singles are there", () => {
    const carried = carriedOf(listing);
    expect(carried.map(({ row, design }) => [row, design])).toEqual([
      [0, "singles"],
      [1, "singles"],
      [2, "singles"],
      [3, "pairs"],
      [4, "random_groups"],
    ]);
  });

  test("the nearest of the site stands in for what is not", () => {
    expect(nearestCarried(listing, DROP, 3)).toBe(2);
  });
});

test("units in words", () => {
  expect([[], [3], [3, 15], [1, 2, 3], [0, 1, 2, 3, 4, 5]].map(unitsName)).toEqual([
    "no unit",
    "unit 3",
    "units 3 and 15",
    "units 1, 2 and 3",
    "6 units (0, 1, 2, …)",
  ]);
});
