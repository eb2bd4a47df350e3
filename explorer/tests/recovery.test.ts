// The recovery view's logic: runs, controls, chains, classes, modules.

import { expect, test } from "vitest";
import type { Row } from "../src/page/blocks";
import { chosenIn, optionsOf } from "../src/views/recovery/choices";
import { cameBack, classRecovery, mostAndLeast } from "../src/views/recovery/classes";
import { moved } from "../src/views/recovery/modules";
import {
  chain,
  controls,
  instances,
  intactOf,
  longest,
  rowsOf,
  spread,
} from "../src/views/recovery/runs";
import { tableOf } from "./made";

const INTACT = 90; // % right

function epoch(at: number, drop: number, more: Row = {}): Row {
  return {
    site: "features.7",
    label: "7",
    layer: 2,
    experiment: "instances",
    start: "ablated",
    instance: 0,
    iteration: 0,
    ablated: 16,
    ablated_share: 0.25,
    epoch: at,
    total_epoch: at,
    top: 1,
    accuracy_percent: INTACT - drop,
    accuracy_low_percent: INTACT - drop - 2,
    accuracy_high_percent: INTACT - drop + 2,
    drop_pp: drop,
    drop_low_pp: drop - 1,
    drop_high_pp: drop + 1,
    total: 200,
    ended: "all epochs",
    ...more,
  };
}

const SECOND = { instance: 1, ended: "diverged in epoch 3" };
const TRAINED = { experiment: "iterated", start: "intact" };
const CHAIN = { experiment: "iterated", iteration: 1 };
const NEXT = { experiment: "iterated", iteration: 2, ablated: 30, ablated_share: 0.47 };

const ROWS: readonly Row[] = [
  epoch(2, 1),
  epoch(0, 20),
  epoch(1, 4),
  epoch(0, 10, SECOND),
  epoch(1, 2, SECOND),
  epoch(0, 15, { start: "redrawn" }),
  epoch(1, 3, { start: "redrawn" }),
  epoch(0, 0, TRAINED),
  epoch(1, -1, TRAINED),
  epoch(2, -2, TRAINED),
  epoch(3, -3, TRAINED),
  epoch(0, 12, CHAIN),
  epoch(1, 5, CHAIN),
  epoch(0, 40, { ...NEXT, total_epoch: 1 }),
  epoch(2, 8, { ...NEXT, total_epoch: 3 }),
  epoch(1, 9, { ...NEXT, total_epoch: 2 }),
];
const OTHERS = [
  epoch(0, 77, { site: "features.3", label: "3", layer: 1 }),
  epoch(0, 66, { top: 5 }),
];

test("rows are those of the layer and the accuracy", () => {
  expect(rowsOf([...OTHERS, ...ROWS], { site: "features.7", top: 1 })).toEqual(ROWS);
});

test("instances in their order, each epoch by epoch", () => {
  const runs = instances(ROWS);
  expect(runs.map(({ points }) => points.map(({ drop }) => drop.value))).toEqual([
    [20, 4, 1],
    [10, 2],
  ]);
  expect(runs.map(({ diverged }) => diverged)).toEqual([false, true]);
  expect(runs[0]?.points[1]).toEqual({
    epoch: 1,
    total: 1,
    accuracy: { value: 86, low: 84, high: 88 },
    drop: { value: 4, low: 3, high: 5 },
  });
});

test("mean and range are over the runs that reached the epoch", () => {
  const found = spread(instances(ROWS), "drop");
  expect(found.map(({ epoch, mean, least, most }) => [epoch, mean, least, most])).toEqual([
    [0, 15, 10, 20],
    [1, 3, 2, 4],
    [2, 1, 1, 1],
  ]);
  expect(found[0]).toMatchObject({ low: 14, high: 16 });
  expect(spread(instances(ROWS), "accuracy")[0]).toMatchObject({ mean: 75, low: 73, high: 77 });
  expect(spread([], "drop")).toEqual([]);
});

test("controls are no longer than the instances; those that were not trained are left out", () => {
  const found = controls(ROWS);
  expect([...found.keys()]).toEqual(["intact", "redrawn"]);
  expect(longest(found.get("intact") ?? [])).toBe(2);
  expect(longest([])).toBe(0);
});

test("the chain is the iterations in their order, each with its share", () => {
  const runs = chain(ROWS);
  expect(runs.map(({ share, ablated }) => [share, ablated])).toEqual([
    [0.25, 16],
    [0.47, 30],
  ]);
  expect(runs.map(({ points }) => points.map(({ total }) => total))).toEqual([
    [0, 1],
    [1, 2, 3],
  ]);
  expect(chain(OTHERS)).toEqual([]);
});

test("the intact network is what a run has left and what it has lost", () => {
  const intact = intactOf(ROWS);
  expect(intact?.value).toBe(90);
  // Wilson's interval of 180 of 200.
  expect(intact?.low).toBeCloseTo(85.06, 2);
  expect(intact?.high).toBeCloseTo(93.43, 2);
  expect(intactOf([])).toBeNull();
});

test("there is to choose what the table has; of few classes top-1 comes first, of many top-5", () => {
  const rows = [...ROWS, ...OTHERS];
  const options = optionsOf(rows, 10);
  expect(options.site.values).toEqual([
    ["features.3", "layer 3"],
    ["features.7", "layer 7"],
  ]);
  expect(options.experiment.values.map(([value]) => value)).toEqual(["instances", "iterated"]);
  expect(chosenIn(options, {})).toEqual({
    experiment: "instances",
    site: "features.3",
    top: 1,
    measure: "accuracy",
    from: 0,
  });
  expect(chosenIn(optionsOf(rows, 1000), { top: "7" }).top).toBe(5);
  const address = {
    site: "features.7",
    measure: "drop",
    from: "1",
    experiment: "iterated",
    top: "1",
  };
  expect(chosenIn(optionsOf(rows, 1000), address)).toEqual({ ...address, top: 1, from: 1 });
  expect(optionsOf(OTHERS, 10).experiment.values).toHaveLength(1);
});

function ofClass(index: number, at: number, drop: number | null, more: Row = {}): Row {
  return {
    site: "features.7",
    experiment: "instances",
    start: "ablated",
    instance: 0,
    iteration: 0,
    epoch: at,
    top: 1,
    class: `c${index}`,
    class_index: index,
    drop_pp: drop,
    lost: 6,
    gained: 2,
    total: 20,
    ...more,
  };
}

const CLASSES = tableOf([
  ofClass(0, 0, 10),
  ofClass(0, 5, 8),
  ofClass(1, 0, 30, { lost: 10 }),
  ofClass(1, 5, 4),
  ofClass(1, 0, 50, { instance: 1, lost: 20 }),
  ofClass(1, 3, 6, { instance: 1 }), // the last epoch of this one
  ofClass(2, 0, null),
  ofClass(2, 5, null),
  ofClass(0, 0, 99, { top: 5 }),
  ofClass(0, 0, 99, { start: "redrawn" }),
  ofClass(0, 0, 99, { experiment: "iterated" }),
  ofClass(0, 0, 99, { site: "features.3" }),
]);

test("classes by what came back, before and after each instance's last epoch", () => {
  const found = classRecovery(CLASSES, { site: "features.7", top: 1 });
  expect(found.map(({ name }) => name)).toEqual(["c1", "c0"]);
  expect(found[0]?.before).toEqual({ mean: 40, least: 30, most: 50, lost: 75, gained: 10 });
  expect(found[0]?.after).toEqual({ mean: 5, least: 4, most: 6, lost: 30, gained: 10 });
  expect(found.map(cameBack)).toEqual([35, 2]);
});

test("without instances the iterations are taken", () => {
  const iterated = tableOf([
    ofClass(0, 0, 12, { experiment: "iterated", iteration: 1 }),
    ofClass(0, 4, 3, { experiment: "iterated", iteration: 1 }),
  ]);
  const [only] = classRecovery(iterated, { site: "features.7", top: 1 });
  expect([only?.before.mean, only?.after.mean]).toEqual([12, 3]);
  expect(classRecovery(iterated, { site: "elsewhere", top: 1 })).toEqual([]);
});

test("of too many the first and the last", () => {
  expect(mostAndLeast([1, 2, 3, 4, 5], 4)).toEqual([1, 2, 4, 5]);
  expect(mostAndLeast([1, 2, 3], 4)).toEqual([1, 2, 3]);
});

function ofModule(
  module: string,
  position: number,
  change: number,
  undone: number,
  more: Row = {},
): Row {
  return {
    site: "features.7",
    experiment: "instances",
    start: "ablated",
    module,
    module_label: module.slice("features.".length),
    position,
    change,
    undone_pp: undone,
    undone_low_pp: undone - 1,
    undone_high_pp: undone + 1,
    ...more,
  };
}

const MODULES = [
  ofModule("features.10", 1, 0.02, 2),
  ofModule("features.7", 0, 0.25, 4),
  ofModule("features.7", 0, 0.75, 6, { instance: 1 }),
  ofModule("features.7", 0, 9, 9, { experiment: "iterated" }),
  ofModule("features.7", 0, 0.5, 1, { start: "intact", experiment: "iterated" }),
  ofModule("features.3", 0, 9, 9, { site: "features.3" }),
];

test("modules in forward order, over the instances; the intact network beside them", () => {
  const [first, second, ...more] = moved(MODULES, "features.7");
  expect(more).toEqual([]);
  expect(first).toEqual({
    module: "features.7",
    label: "7",
    ablated: true,
    changes: [25, 75],
    undone: [4, 6],
    change: 50,
    drop: 5,
    low: 4,
    high: 6,
    controlChange: 50,
    controlDrop: 1,
  });
  expect(second).toMatchObject({ module: "features.10", ablated: false, changes: [2] });
  expect(second?.controlChange).toBeNaN();
});
