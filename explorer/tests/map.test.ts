// The map's logic: where things lie, which are drawn on top, selected, picked, and needed.

import { beforeAll, describe, expect, it, vi } from "vitest";

// theme.ts and fragment.ts look at the browser when they are read
vi.hoisted(() =>
  Object.assign(globalThis, {
    matchMedia: () => ({ matches: false, addEventListener: () => {} }),
    location: { hash: "" },
    addEventListener: () => {},
    document: { documentElement: { dataset: {} } },
  }),
);

import type { Ablation, Examples, Sweep } from "../src/model/sweep";
import * as model from "../src/model/sweep";
import type { Report } from "../src/page/report";
import * as theme from "../src/state/theme";
import {
  imageSide,
  nearest,
  onMap,
  onScreen,
  readZoom,
  sizeFor,
  viewOf,
  WHOLE,
  writeZoom,
  zoomOf,
} from "../src/views/map/geometry";
import { actionOf } from "../src/views/map/keyboard";
import { inside, readLasso, simplified, writeLasso } from "../src/views/map/lasso";
import { fitting, namesOf } from "../src/views/map/names";
import { needsOf, rightOf } from "../src/views/map/needs";
import { cardPlace, inView, pick, stepped } from "../src/views/map/picking";
import { factsOf, rowsOf, type Told } from "../src/views/map/rows";
import * as scene from "../src/views/map/scene";
import { isStale, marked, ofClass, selected } from "../src/views/map/selection";
import * as words from "../src/views/map/words";
import { sweepWith } from "./made";

const SIZE = { width: 640, height: 500 };
const SIDE = 0.02;

describe("the view", () => {
  it("shows the whole map with its margin, in the middle", () => {
    const view = viewOf(WHOLE, SIZE, SIDE);
    const [left, bottom] = onScreen(view, 0, 0);
    const [right, top] = onScreen(view, 1, 1);
    expect(top).toBeGreaterThanOrEqual((SIDE * view.scale) / 2);
    expect(bottom).toBeLessThanOrEqual(500 - (SIDE * view.scale) / 2);
    expect(left + right).toBeCloseTo(640);
    expect(top).toBeLessThan(bottom); // y of the map goes up
  });

  it("finds the place on the map that a place on the screen came from", () => {
    const view = viewOf({ k: 3, x: 0.2, y: 0.7 }, SIZE, SIDE);
    const [x, y] = onMap(view, ...onScreen(view, 0.31, 0.64));
    expect(x).toBeCloseTo(0.31);
    expect(y).toBeCloseTo(0.64);
    expect(onScreen(view, 0.2, 0.7)).toEqual([320, 250]);
  });

  it("is the same view after a way through the address, whatever the screen", () => {
    const zoom = { k: 4.25, x: 0.12345, y: 0.5 };
    expect(writeZoom(zoom)).toBe("4.25,0.12345,0.5");
    expect(readZoom("4.25,0.12345,0.5", 20)).toEqual(zoom);
    const other = { width: 390, height: 390 };
    const { k, x, y } = zoomOf(viewOf(zoom, other, SIDE), other, SIDE);
    expect([k, x, y].map((n) => Number(n.toFixed(6)))).toEqual([4.25, 0.12345, 0.5]);
  });

  it("leaves the address empty for the whole map, and takes no nonsense from it", () => {
    expect(writeZoom(WHOLE)).toBeNull();
    for (const text of ["", "2", "2,0.5", "a,b,c", "2,0.5,0.5,1", "Infinity,0,0"])
      expect(readZoom(text, 20)).toBeNull();
    expect(readZoom("1000,-3,7", 20)).toEqual({ k: 20, x: 0, y: 1 });
  });

  it("lets one come near enough to see an image large", () => {
    const view = viewOf({ ...WHOLE, k: nearest(SIZE, SIDE) }, SIZE, SIDE);
    expect(SIDE * view.scale).toBeGreaterThanOrEqual(159);
  });

  it("is as wide as its place, and never fills the window's height", () => {
    expect(sizeFor(390, 844)).toEqual({ width: 390, height: 390 });
    expect(sizeFor(1200, 800)).toEqual({ width: 1200, height: 680 });
  });
});

describe("the side of an image", () => {
  const grid = (n: number) => Array.from({ length: n * n }, (_, i) => i);
  const side = (n: number) =>
    imageSide(
      grid(n).map((i) => (i % n) / (n - 1)),
      grid(n).map((i) => Math.floor(i / n) / (n - 1)),
    );

  it("is 1.5 times the distance of neighbours on a grid", () => {
    expect(side(30)).toBeCloseTo(1.5 / 29);
    expect(side(90)).toBeCloseTo(1.5 / 89);
  });

  it("is legible and not monstrous", () => {
    expect(side(4)).toBe(1 / 12);
    expect(side(250)).toBe(1 / 120);
    expect(imageSide([0.5], [0.5])).toBe(1 / 12);
    expect(imageSide([0, 0.001], [0, 0])).toBe(1 / 120); // fewer than four neighbours
  });
});

describe("the lasso", () => {
  const square = readLasso("0.2,0.2,0.8,0.2,0.8,0.8,0.2,0.8")!;

  it("holds what lies in it", () => {
    const found = inside(square, [0.5, 0.1, 0.79, 0.5], [0.5, 0.5, 0.79, 0.9]);
    expect([...found]).toEqual([1, 0, 1, 0]);
  });

  it("is no polygon with fewer than three corners, or with words", () => {
    for (const text of ["", "0.1,0.2,0.3,0.4", "0.1,0.2,0.3,0.4,0.5", "a,b,c,d,e,f"])
      expect(readLasso(text)).toBeNull();
  });

  it("keeps its shape with at most 60 corners of three digits", () => {
    const round = Array.from({ length: 500 }, (_, i): [number, number] => [
      0.5 + 0.4 * Math.cos((2 * Math.PI * i) / 500),
      0.5 + 0.4 * Math.sin((2 * Math.PI * i) / 500),
    ]);
    const text = writeLasso(round);
    expect(text).toMatch(/^(\d(\.\d{1,3})?,?)+$/);
    const kept = readLasso(text)!;
    expect(kept.length).toBeLessThanOrEqual(60);
    for (const [x, y] of kept) expect(Math.hypot(x - 0.5, y - 0.5)).toBeCloseTo(0.4, 2);
    expect([...inside(kept, [0.5 + 0.39, 0.5 + 0.41], [0.5, 0.5])]).toEqual([1, 0]);
  });

  it("drops corners on a straight line, however few there are", () => {
    const along = [...square.slice(0, 1), [0.5, 0.2] as const, ...square.slice(1)];
    expect(simplified(along, 60)).toEqual(square);
  });
});

// Six examples of two classes; unit 0 loses examples 0 and 1, gains 4; unit 1 loses 3.
const examples: Examples = {
  length: 6,
  label: [0, 0, 0, 1, 1, 1],
  x: [0.1, 0.2, 0.3, 0.7, 0.8, 0.9],
  y: [0.1, 0.2, 0.2, 0.8, 0.8, 0.9],
};
const ablation = (row: number, units: number[], design: string): Ablation => ({
  row,
  units,
  design,
  site: "fc1",
  method: "silence",
  more: {},
});
const ABLATIONS = [
  ablation(0, [0], "singles"),
  ablation(1, [1], "singles"),
  ablation(2, [0, 1], "pairs"),
];
const report = { kind: "mlp", first_unit: 1, classes: ["cat", '<b>"dog"'] } as unknown as Report;
let sweep: Sweep;
let single: Uint8Array;
let pair: Uint8Array;
beforeAll(() => {
  const intact = Uint8Array.from([0, 0, 0, 1, 0, 0]);
  const after = [1, 1, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 0, 0, 255];
  sweep = sweepWith({ name: "a", title: "A" }, ABLATIONS, intact, Uint8Array.from(after));
  single = model.statesOf(sweep, examples, ABLATIONS[0]!);
  pair = model.statesOf(sweep, examples, ABLATIONS[2]!);
});
const told = (of: Ablation | null, states: Uint8Array): Told => ({
  report,
  examples,
  sweep,
  ablation: of,
  states,
  entries: scene.entriesOf(of, states, theme.palette.peek()),
});

describe("the legend", () => {
  const keys = (of: Ablation | null, states: Uint8Array) =>
    told(of, states).entries.map(({ key }) => key);

  it("names the states that can occur, and those only", () => {
    expect(keys(null, model.intactStates(sweep, examples))).toEqual(["right", "wrong"]);
    expect(keys(ABLATIONS[0]!, single)).toEqual(["wrong", "right", "gained", "lost"]);
    expect(keys(ABLATIONS[2]!, pair)).toEqual([
      "missing",
      "wrong",
      "right",
      "gained",
      "lost",
      "only-pair",
    ]);
  });

  it("gives each state a colour and a word of its own", () => {
    const { entries } = told(ABLATIONS[2]!, pair);
    expect(new Set(entries.map(({ colour }) => colour)).size).toBe(entries.length);
    expect(new Set(entries.map(({ word }) => word)).size).toBe(entries.length);
  });
});

describe("the order", () => {
  it("puts what stands out on top, and what changed above what did not", () => {
    const { entries } = told(ABLATIONS[0]!, single);
    const { State } = model;
    const order = [...scene.layered(single, entries, null)];
    expect(order.map((i) => single[i])).toEqual([
      State.WRONG,
      State.RIGHT,
      State.RIGHT,
      State.GAINED,
      State.LOST,
      State.LOST,
    ]);
    const strong = Uint8Array.from([0, 0, 1, 0, 0, 0]);
    expect(scene.layered(single, entries, strong).at(-1)).toBe(2);
    expect(new Set(order).size).toBe(6);
  });

  it("steps through what changed, or through what the intact network gets wrong", () => {
    expect(scene.changed(single, ABLATIONS[0]!, null)).toEqual([0, 1, 4]);
    expect(scene.changed(single, ABLATIONS[0]!, ofClass(examples, 1))).toEqual([4]);
    expect(scene.changed(model.intactStates(sweep, examples), null, null)).toEqual([4, 5]);
  });

  it("goes from dots to pictures without a jump", () => {
    expect([3, 6, 7.5, 9, 40].map(scene.imageShare)).toEqual([0, 0, 0.5, 1, 1]);
  });
});

describe("the selection", () => {
  const of = (wanted: { of?: number | null; lasso?: string; select?: string }) => {
    const { entries } = told(ABLATIONS[0]!, single);
    const found = selected(examples, single, entries, {
      of: null,
      lasso: "",
      select: "",
      ...wanted,
    });
    return found && marked(found);
  };
  const left = "0,0,0.5,0,0.5,1,0,1";

  it("is nothing until one asks for something", () => {
    expect(of({})).toBeNull();
    expect(of({ of: 1 })).toBeNull();
    expect(of({ select: "no such state" })).toBeNull();
  });

  it("is empty, and not gone, when no example can be in the state any more", () => {
    expect(of({ select: "only-pair" })).toEqual([]);
    expect(of({ select: "only-pair", lasso: left })).toEqual([]);
    const { entries } = told(ABLATIONS[0]!, single);
    expect(["only-pair", "lost", "all", "", "nonsense"].map((s) => isStale(s, entries))).toEqual([
      true,
      false,
      false,
      false,
      false,
    ]);
  });

  it("is what the lasso, the state and the class have in common", () => {
    expect(of({ lasso: left })).toEqual([0, 1, 2]);
    expect(of({ select: "lost" })).toEqual([0, 1]);
    expect(of({ select: "all", of: 1 })).toEqual([3, 4, 5]);
    expect(of({ lasso: left, select: "right" })).toEqual([2]);
    expect(of({ lasso: left, of: 1 })).toEqual([]);
  });

  it("needs no map, and then takes no lasso for one", () => {
    const bare = { ...examples, x: null, y: null };
    const { entries } = told(ABLATIONS[0]!, single);
    const wanted = { of: null, lasso: "", select: "gained" };
    expect(marked(selected(bare, single, entries, wanted)!)).toEqual([4]);
    expect(selected(bare, single, entries, { ...wanted, lasso: left, select: "" })).toBeNull();
  });
});

describe("what the selected examples need", () => {
  const first = Uint8Array.from([1, 1, 1, 0, 0, 0]);

  it("is the share of those the intact network gets right that each ablation loses", () => {
    const needs = needsOf(sweep, examples, first, ABLATIONS.slice(0, 2));
    expect(needs.map(({ ablation, lost, measured }) => [ablation.row, lost, measured])).toEqual([
      [0, 2, 3],
      [1, 0, 3],
    ]);
    expect(needs[0]!.share).toBeCloseTo(2 / 3);
    expect(needs[0]!.overall).toBeCloseTo(2 / 4);
    expect(needs[0]!.interval.low).toBeCloseTo(0.2077, 3); // Wilson
    expect(needs[0]!.interval.high).toBeCloseTo(0.9385, 3);
    expect(rightOf(sweep, examples, null)).toEqual([0, 1, 2, 3]);
  });

  it("counts only what was measured", () => {
    const last = Uint8Array.from([0, 0, 0, 0, 0, 1]);
    const right = { ...sweep, intact: Uint8Array.from([0, 0, 0, 1, 0, 1]) };
    expect(needsOf(right, examples, last, ABLATIONS).map(({ ablation }) => ablation.row)).toEqual([
      0, 1,
    ]);
  });

  it("shows the largest only", () => {
    const all = new Uint8Array(6).fill(1);
    expect(needsOf(sweep, examples, all, ABLATIONS, 1)[0]!.ablation.row).toBe(2);
    expect(needsOf(sweep, examples, new Uint8Array(6), ABLATIONS)).toEqual([]);
  });
});

describe("the pointer and the card", () => {
  const places = { x: examples.x!, y: examples.y! };
  const view = viewOf(WHOLE, SIZE, SIDE);

  it("finds the nearest example within reach", () => {
    const [left, top] = onScreen(view, 0.2, 0.2);
    expect(pick(places, view, left + 3, top - 3, 10)).toBe(1);
    expect(pick(places, view, left, top - 60, 10)).toBeNull();
  });

  it("steps through those in view as one reads, and goes round", () => {
    const order = inView(places, [0, 1, 3, 4, 5], view, SIZE);
    expect(order).toEqual([5, 3, 4, 1, 0]);
    expect(inView(places, [0, 5], viewOf({ k: 3, x: 0.85, y: 0.85 }, SIZE, SIDE), SIZE)).toEqual([
      5,
    ]);
    expect(stepped(order, null, 1)).toBe(5);
    expect(stepped(order, 5, 1)).toBe(3);
    expect(stepped(order, 5, -1)).toBe(0);
    expect(stepped(order, 0, 1)).toBe(5);
    expect(stepped([], null, 1)).toBeNull();
  });

  it("keeps the card on the map and off the example, also on a narrow map", () => {
    for (const [size, card] of [
      [SIZE, { width: 170, height: 220 }],
      [
        { width: 358, height: 358 },
        { width: 136, height: 150 },
      ],
      [
        { width: 180, height: 400 },
        { width: 136, height: 150 },
      ], // only above or below
    ] as const) {
      for (let x = 0; x <= size.width; x += 7) {
        for (let y = 0; y <= size.height; y += 7) {
          const { left, top } = cardPlace([x, y], card, size, 20);
          const [right, bottom] = [left + card.width, top + card.height];
          expect(left >= 0 && top >= 0 && right <= size.width && bottom <= size.height).toBe(true);
          expect(x > left - 8 && x < right + 8 && y > top - 8 && y < bottom + 8).toBe(false);
        }
      }
    }
  });

  it("leaves the browser its keys", () => {
    const key = (key: string, ctrlKey = false) =>
      actionOf({ key, ctrlKey, metaKey: false, altKey: false });
    expect(key("N")).toEqual({ step: 1 });
    expect(key("ArrowUp")).toEqual({ pan: [0, -1] });
    expect(key("p", true)).toBeNull();
    expect(key("Tab")).toBeNull();
  });
});

describe("the words", () => {
  it("tell what became of an example", () => {
    const facts = factsOf(told(ABLATIONS[0]!, single), 4);
    expect(facts.spoken).toBe(
      'Example 4: <b>"dog". Intact network: cat. After the ablation: <b>"dog". gained.',
    );
    const missing = factsOf(told(ABLATIONS[2]!, pair), 5);
    expect(missing.lines).toContainEqual(["ablated", "not measured"]);
  });

  it("say how many examples are in each state", () => {
    const counted = model.counts(single);
    expect(words.sentence(told(ABLATIONS[0]!, single), counted, "6 examples")).toBe(
      "Of 6 examples, after the ablation of unit 1: 1 still wrong, 2 still right, 1 gained, 2 lost.",
    );
  });

  it("call lost examples of a pair what they are: those that one unit alone loses too", () => {
    const of = (each: Told) => each.entries.find(({ key }) => key === "lost")?.word;
    expect(of(told(ABLATIONS[0]!, single))).toBe("lost");
    expect(of(told(ABLATIONS[2]!, pair))).toBe("lost already by one alone");
  });

  it("say how many of those lost only by the pair were wrong before", () => {
    // the intact network errs on both dogs, each unit alone gets them right, the pair does not
    const some = { ...examples, length: 4, label: [0, 0, 1, 1] };
    const [intact, after] = [
      [0, 0, 0, 0],
      [0, 0, 1, 1, 0, 0, 1, 1, 1, 0, 0, 0],
    ];
    const erring = sweepWith(
      { name: "a", title: "A" },
      ABLATIONS,
      Uint8Array.from(intact),
      Uint8Array.from(after),
    );
    const states = model.statesOf(erring, some, ABLATIONS[2]!);
    const shown = { ...told(ABLATIONS[2]!, states), examples: some, sweep: erring };
    const note = words.notLost(shown, null);
    expect(note).toBe(
      "2 of those lost only by the pair the intact network also gets wrong; the drop does not count them.",
    );
    expect(words.notLost(shown, ofClass(some, 0))).toBe("");
    expect(words.notLost(told(ABLATIONS[0]!, single), null)).toBe("");
  });

  it("say why nothing is selected", () => {
    const now = told(ABLATIONS[0]!, single);
    expect(words.nothingSelected(now, "only-pair")).toBe(
      "0 examples: none is lost only by the pair after the ablation of unit 1.",
    );
    expect(words.nothingSelected(now, "lost")).toMatch(/^0 examples: /);
  });

  it("list the examples as rows, of the selected ones where some are", () => {
    expect(rowsOf(told(ABLATIONS[0]!, single), null)).toHaveLength(6);
    expect(rowsOf(told(ABLATIONS[0]!, single), Uint8Array.from([0, 1, 0, 0, 0, 0]))).toEqual([
      {
        example: 1,
        x: 0.2,
        y: 0.2,
        label: "cat",
        intact_prediction: "cat",
        prediction: '<b>"dog"',
        state: "lost",
      },
    ]);
    const intact = rowsOf(told(null, model.intactStates(sweep, examples)), null);
    expect(intact[4]).toMatchObject({ state: "wrong" });
    expect(intact[4]).not.toHaveProperty("prediction");
  });
});

describe("the names of the classes", () => {
  it("stand at an example of the class, the large classes first", () => {
    const some: Examples = { ...examples, label: [0, 1, 1, 1, 1, 1] };
    expect(namesOf(some, ["cat", "dog", "none"])).toEqual([
      { of: 1, text: "dog", at: [0.7, 0.8] },
      { of: 0, text: "cat", at: [0.1, 0.1] },
    ]);
  });

  it("do not cover one another, and are not cut off", () => {
    const view = viewOf(WHOLE, SIZE, SIDE);
    const at = (x: number, y: number, text: string) => ({ of: 0, text, at: [x, y] as const });
    const names = [at(0.5, 0.5, "first"), at(0.51, 0.51, "second"), at(1, 0.9, "at the edge")];
    const placed = fitting(names, view, SIZE, () => 300, 16);
    expect(placed.map(({ text }) => text)).toEqual(["first", "at the edge"]);
    expect(placed[1]!.left + 150).toBeLessThanOrEqual(SIZE.width);
  });
});
