// The layers view's logic: rows of large tables, choices, groups, curves, bins, outcomes by example.

import { expect, test } from "vitest";
import { numberAt, rowAt, where } from "../src/model/columns";
import {
  ablationOf,
  chosenGroup,
  groupsOf,
  nearestCarried,
  unitsOfLayer,
} from "../src/model/groups";
import { inOrder } from "../src/model/names";
import { sweepOf } from "../src/model/sweep";
import { meansOf, tablesOf } from "../src/model/tables";
import type { Row } from "../src/page/blocks";
import { clipped, percent } from "../src/shared/words";
import { allowed } from "../src/state/chosen";
import { choicesOf, nearest, optionsOf } from "../src/views/layers/choices";
import { classCurves, classesIn, mostAndLeast, toggled } from "../src/views/layers/classes";
import { edgesOf } from "../src/views/layers/histogram";
import { tableOf } from "./made";

const SETTING = { method: "silence", proportion: 0.1, top: 1 };

function layer(site: string, place: number, drop: number, more: Row = {}): Row {
  const label = site.slice("features.".length);
  return { site, layer: place, label, n_units: 3, ...SETTING, drop_pp: drop, ...more };
}

const LAYERS = tableOf([
  layer("features.10", 1, 7),
  layer("features.3", 0, 2),
  layer("features.3", 0, 9, { proportion: 0.25 }),
  layer("features.3", 0, 1, { method: "zero_weights" }),
  layer("features.3", 0, 0.5, { top: 5 }),
]);

function group(site: string, design: string, number: number, drop: number, more: Row = {}): Row {
  const similar = design === "similar_groups";
  return {
    site,
    label: site.slice("features.".length),
    method: "silence",
    proportion: 0.1,
    design,
    anchor: similar ? number : -1,
    draw: similar ? -1 : number,
    units: "0,2",
    drop_pp: drop,
    drop_low_pp: drop - 1,
    drop_high_pp: drop + 1,
    top5_drop_pp: drop / 10,
    top5_drop_low_pp: -1,
    top5_drop_high_pp: 1,
    total: 4,
    row: -1,
    ...more,
  };
}

const GROUPS = tableOf([
  group("features.3", "similar_groups", 2, 5, { row: 1 }),
  group("features.3", "similar_groups", 0, 8),
  group("features.3", "similar_groups", 1, -2, { row: 0 }),
  group("features.3", "random_groups", 0, 3),
  group("features.3", "similar_groups", 0, 99, { proportion: 0.25 }),
  group("features.10", "similar_groups", 0, 77),
]);

const CONSTANTS = tableOf([
  { site: "features.3", unit: 0, constant: 0, mean_activation: 0 },
  { site: "features.3", unit: 1, constant: 0.5, mean_activation: 0 },
  { site: "features.10", unit: 2, constant: 9, mean_activation: 9 },
]);

function ofClass(site: string, index: number, drop: number, more: Row = {}): Row {
  const costs = { drop_pp: drop, drop_low_pp: drop - 1, drop_high_pp: drop + 1 };
  return { site, class: `c${index}`, class_index: index, ...SETTING, ...costs, ...more };
}

const CLASSES = tableOf([
  ofClass("features.10", 1, 4),
  ofClass("features.3", 1, 2),
  ofClass("features.3", 0, -6),
  ofClass("features.3", 0, 50, { top: 5 }),
  ofClass("features.3", 2, 1),
]);

const TABLES = tablesOf(LAYERS, CLASSES, GROUPS, CONSTANTS);

test("layers stand in forward order, methods in the paper's, proportions from the smallest", () => {
  expect(TABLES.sites.map(({ label }) => label)).toEqual(["3", "10"]);
  expect(TABLES.methods).toEqual(["zero_weights", "silence"]);
  expect(TABLES.proportions).toEqual([0.1, 0.25]);
  expect(TABLES.tops).toEqual([1, 5]);
});

test("means are those of the setting, layer by layer; what was not measured is NaN", () => {
  expect(meansOf(TABLES, SETTING).of("drop_pp")).toEqual([2, 7]);
  expect(meansOf(TABLES, { ...SETTING, proportion: 0.25 }).of("drop_pp")).toEqual([9, Number.NaN]);
  expect(meansOf(TABLES, { ...SETTING, top: 5 }).of("drop_pp")[0]).toBe(0.5);
});

test("rows are those that agree with all keys, in their order", () => {
  expect(where(GROUPS, { site: "features.3", proportion: 0.1 })).toEqual([0, 1, 2, 3]);
  expect(where(GROUPS, { site: "features.3", design: "random_groups" })).toEqual([3]);
  expect(where(GROUPS, { site: "elsewhere" })).toEqual([]);
});

test("one row, and one number of it; a column that is not there is NaN", () => {
  expect(rowAt(CONSTANTS, 1)).toEqual({
    site: "features.3",
    unit: 1,
    constant: 0.5,
    mean_activation: 0,
  });
  expect(numberAt(CONSTANTS, "constant", 2)).toBe(9);
  expect(numberAt(CONSTANTS, "at_most", 2)).toBeNaN();
});

test("the address chooses what the tables have; all else falls back", () => {
  const address = { method: "silence", proportion: "0.25", top: "5", site: "features.10" };
  expect(choicesOf(TABLES, { ...address, group: "2" })).toMatchObject({
    method: "silence",
    proportion: 0.25,
    top: 5,
    site: { label: "10" },
    group: 2,
    draw: null,
  });
  const odd = {
    method: "<b>",
    proportion: "0.3",
    top: "x",
    site: "nowhere",
    group: "-1",
    draw: "",
  };
  expect(choicesOf(TABLES, odd)).toEqual({
    method: "zero_weights",
    proportion: 0.1,
    top: 1,
    site: null,
    group: null,
    draw: null,
  });
});

test("without a word from the address the share is the one nearest to 10 %", () => {
  expect(nearest([0.01, 0.05, 0.25], 0.1)).toBe(0.05);
  expect(nearest([], 0.1)).toBeUndefined();
  expect(allowed(optionsOf(TABLES).proportion, undefined)).toBe("0.1");
});

test("groups are those of the layer and the setting, by their number", () => {
  const similar = groupsOf(TABLES, "features.3", SETTING, "similar_groups");
  expect(similar.map(({ number, drop, row }) => [number, drop, row])).toEqual([
    [0, 8, -1],
    [1, -2, 0],
    [2, 5, 1],
  ]);
  const random = groupsOf(TABLES, "features.3", SETTING, "random_groups");
  expect(random.map(({ number, drop }) => [number, drop])).toEqual([[0, 3]]);
});

test("costs are those of the accuracy chosen", () => {
  const setting = { ...SETTING, top: 5 };
  const [first] = groupsOf(TABLES, "features.3", setting, "similar_groups");
  expect(first).toMatchObject({ number: 0, drop: 0.8, low: -1, high: 1 });
});

test("a random group goes before a similar one; an unknown one is none", () => {
  const choices = choicesOf(TABLES, { method: "silence", site: "features.3" });
  const similar = groupsOf(TABLES, "features.3", choices, "similar_groups");
  const random = groupsOf(TABLES, "features.3", choices, "random_groups");
  const of = (group: number | null, draw: number | null) =>
    chosenGroup({ ...choices, group, draw }, similar, random)?.drop;
  expect([of(1, null), of(1, 0), of(1, 7), of(9, null)]).toEqual([-2, 3, -2, undefined]);
});

test("an ablation takes its row of outcomes from the table, not from its place there", () => {
  const [, , last] = groupsOf(TABLES, "features.3", SETTING, "similar_groups");
  const ablation = last && ablationOf(GROUPS, last);
  expect(ablation).toMatchObject({ row: 1, units: [0, 2], method: "silence", site: "features.3" });
  expect(ablation?.more).toMatchObject({ label: "3", anchor: 2 });
});

test("filters have the drop of their group, and are dead where nothing is ever left", () => {
  const similar = groupsOf(TABLES, "features.3", SETTING, "similar_groups");
  const units = unitsOfLayer(TABLES, "features.3", similar);
  expect(units.map(({ unit, dropPp, dead }) => [unit, dropPp, dead])).toEqual([
    [0, 8, true],
    [1, -2, false],
    [2, 5, false],
  ]);
  expect(units.map(({ name, number }) => [name, number])[1]).toEqual(["group of filter 1", "1"]);
  expect(units[1]?.scores).toEqual({ constant: 0.5, mean_activation: 0 });
  expect(units[2]?.scores).toEqual({});
});

test("in place of a group without outcomes comes the one with the nearest drop", () => {
  const similar = groupsOf(TABLES, "features.3", SETTING, "similar_groups");
  const [first] = similar;
  expect(first && nearestCarried(similar, first)?.number).toBe(2);
  expect(first && nearestCarried([first], first)).toBeNull();
});

test("packed predictions are the differences from the intact network's", () => {
  const intact = Uint8Array.of(1, 2, 3);
  const packed = Uint8Array.of(0, 0, 0, 1 ^ 7, 0, 3 ^ 255);
  const sweep = sweepOf({ name: "sweep", title: "" }, [], intact, packed);
  const [similar] = groupsOf(TABLES, "features.3", SETTING, "similar_groups").slice(2);
  const ablation = similar && ablationOf(GROUPS, similar);
  if (!ablation) throw new Error("no ablation");
  expect([...sweep.predictions(ablation)]).toEqual([7, 2, 255]);
  expect([...sweep.predictions(ablation)]).toEqual([7, 2, 255]); // asked for again
  expect([...packed]).toEqual([0, 0, 0, 6, 0, 252]);
  expect(sweep.missing).toBe(255);
});

test("a class's curve has a value for every layer, NaN where none was measured", () => {
  const curves = classCurves(TABLES, SETTING);
  expect(curves.map(({ index, drop, mean }) => [index, drop, mean])).toEqual([
    [0, [-6, Number.NaN], -6],
    [1, [2, 4], 3],
    [2, [1, Number.NaN], 1],
  ]);
  expect(curves[1]?.low).toEqual([1, 3]);
});

test("to begin with, classes that lose most and least are shown, each once", () => {
  const curves = classCurves(TABLES, SETTING);
  expect(mostAndLeast(curves, 1, 1)).toEqual([1, 0]);
  expect(mostAndLeast(curves, 3, 2)).toEqual([1, 2, 0]);
});

test("classes in the address", () => {
  expect(classesIn("", 10, [4])).toEqual([4]);
  expect(classesIn("3,12,x,3,0", 10, [4])).toEqual([3, 0]);
  expect(toggled([1, 2], 1, 3)).toEqual([2]);
  expect(toggled([1, 2, 3], 4, 3)).toEqual([2, 3, 4]);
});

test("every drop lies inside a bin, none on an edge, and bins are few", () => {
  for (const n of [3, 50, 500, 50_000]) {
    const drops = Array.from({ length: n + 1 }, (_, i) => (100 * (i - Math.floor(n / 5))) / n);
    const edges = edgesOf(drops, n, 40);
    expect(edges.length - 1).toBeLessThanOrEqual(40);
    const away = drops.map((drop) => Math.min(...edges.map((edge) => Math.abs(edge - drop))));
    expect(Math.min(...away)).toBeGreaterThan(40 / n);
    expect(edges[0]).toBeLessThan(Math.min(...drops));
    expect(edges.at(-1)).toBeGreaterThan(Math.max(...drops));
  }
  expect(edgesOf([2, 2], 50, 40)).toHaveLength(2);
  expect(edgesOf([Number.NaN], 50, 40)).toEqual([]);
});

test("words", () => {
  expect(percent(0.1)).toBe("10\u00a0%");
  expect(percent(0.07)).toBe("7\u00a0%");
  expect(inOrder(["b", "silence", "a", "zero_weights"])).toEqual([
    "zero_weights",
    "silence",
    "a",
    "b",
  ]);
  expect(clipped("features.layer.block", 9)).toBe("feat…lock");
  expect(clipped("short", 9)).toBe("short");
});
