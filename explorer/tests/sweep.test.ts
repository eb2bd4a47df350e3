// Outcomes by example, against a slow and obvious count on random predictions.

import { describe, expect, test } from "vitest";
import { effectOf, effectsOf } from "../src/model/effect";
import { pairedInterval } from "../src/model/interval";
import {
  type Ablation,
  counts,
  type Examples,
  intactStates,
  loadExamples,
  loadSweep,
  State,
  type Sweep,
  statesOf,
  unitsOf,
} from "../src/model/sweep";
import { onAPage, sweepWith } from "./made";

const MISSING = 255;
const CLEAN = { name: "clean", title: "clean" };

/** Random numbers from 0 to 1 from a seed (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

function ablation(row: number, ...units: number[]): Ablation {
  const design = units.length > 1 ? "pairs" : "singles";
  return { row, site: "fc1", units, method: "zero_weights", design, more: {} };
}

const CUTS = [ablation(0, 3), ablation(1, 15), ablation(2, 3, 15), ablation(3, 3, 99)];

interface Drawn {
  readonly examples: Examples;
  readonly sweep: Sweep;
}

/** 400 examples of 4 classes; now and then one is not measured. */
function drawn(seed: number): Drawn {
  const next = seeded(seed);
  const n = 400;
  const classes = (missing: number, size: number) =>
    Uint8Array.from({ length: size }, () => (next() < missing ? MISSING : Math.floor(next() * 4)));
  const label = classes(0, n);
  const examples = { length: n, label, x: null, y: null };
  const intact = label.map((right) => (next() < 0.7 ? right : Math.floor(next() * 4)));
  return { examples, sweep: sweepWith(CLEAN, CUTS, intact, classes(0.1, n * CUTS.length)) };
}

/** The state of one example, each question asked by itself. */
function slowState({ examples, sweep }: Drawn, cut: Ablation, i: number): State {
  const answer = (row: number) => sweep.predictions(CUTS[row]!)[i];
  const label = examples.label[i];
  if (answer(cut.row) === MISSING) return State.MISSING;
  const before = sweep.intact[i] === label;
  const after = answer(cut.row) === label;
  const bothSinglesRight = cut.row === 2 && answer(0) === label && answer(1) === label;
  if (!after && bothSinglesRight) return State.ONLY_PAIR;
  if (before && after) return State.RIGHT;
  if (before && !after) return State.LOST;
  return after ? State.GAINED : State.WRONG;
}

describe.each([1, 2, 3])("random predictions, seed %i", (seed) => {
  const found = drawn(seed);
  const { examples, sweep } = found;

  test.each(CUTS)("states of units $units", (cut) => {
    const states = statesOf(sweep, examples, cut);
    const slow = Array.from(states, (_, i) => slowState(found, cut, i));
    expect(Array.from(states)).toEqual(slow);
    const only = slow.filter((state) => state === State.ONLY_PAIR).length;
    expect(only > 0).toBe(cut.row === 2); // (3, 99) has no single of 99: it cannot know
  });

  test.each(CUTS)("the effect of units $units is a count over one class", (cut) => {
    const states = statesOf(sweep, examples, cut);
    const after = sweep.predictions(cut);
    const some = [...states.keys()].filter((i) => examples.label[i] === 2 && after[i] !== MISSING);
    const before = some.map((i) => sweep.intact[i] === 2);
    const still = some.map((i) => after[i] === 2);
    const lost = some.filter((_, k) => before[k] && !still[k]).length;
    const gained = some.filter((_, k) => !before[k] && still[k]).length;
    const effect = effectsOf(sweep, examples, states, 3).byClass[2];
    const { low, high } = pairedInterval(lost, gained, some.length);
    expect(effect).toEqual({
      lost,
      gained,
      onlyPair: some.filter((i) => states[i] === State.ONLY_PAIR).length,
      lostByPair: some.filter((i, k) => states[i] === State.ONLY_PAIR && before[k]).length,
      total: some.length,
      intact: before.filter(Boolean).length,
      dropPp: (100 * (lost - gained)) / some.length,
      interval: { low: 100 * low, high: 100 * high },
    });
  });

  test("counts add up, over all examples and over some", () => {
    const states = statesOf(sweep, examples, CUTS[2]!);
    const parts = [0, 1, 2, 3].map((label) =>
      counts(
        states,
        [...states.keys()].filter((i) => examples.label[i] === label),
      ),
    );
    const whole = counts(states);
    expect(whole.reduce((sum, part) => sum + part)).toBe(examples.length);
    expect(whole).toEqual(whole.map((_, k) => parts.reduce((sum, part) => sum + part[k]!, 0)));
  });

  test("the intact network is right or wrong, and loses nothing", () => {
    const states = intactStates(sweep, examples);
    const right = [...(examples.label as Uint8Array)].filter(
      (y, i) => sweep.intact[i] === y,
    ).length;
    expect(counts(states)).toEqual([examples.length - right, right, 0, 0, 0, 0]);
    const { dropPp, intact, lost, gained } = effectOf(sweep, examples, states);
    expect({ dropPp, intact, lost, gained }).toEqual({
      dropPp: 0,
      intact: right,
      lost: 0,
      gained: 0,
    });
  });
});

test("no examples have no drop, and every drop is possible", () => {
  const { sweep, examples } = drawn(1);
  const none = effectsOf(sweep, examples, statesOf(sweep, examples, CUTS[0]!), 100).byClass[99];
  expect(none).toMatchObject({ total: 0, dropPp: 0, interval: { low: -100, high: 100 } });
});

test("an ablation is found by its units in any order", () => {
  const { sweep } = drawn(1);
  expect(sweep.of(15, 3)?.row).toBe(2);
  expect(sweep.of(3)?.row).toBe(0);
  expect(sweep.of(7)).toBeUndefined();
});

test("units are read from text", () => {
  expect([unitsOf(""), unitsOf("3"), unitsOf("3,15")]).toEqual([[], [3], [3, 15]]);
});

test("what was not measured is 65535 where classes need two bytes", () => {
  const wide = sweepWith(CLEAN, [CUTS[0]!], Uint16Array.of(0, 300), Uint16Array.of(65535, 300));
  const examples = { length: 2, label: [0, 300], x: null, y: null };
  expect(Array.from(statesOf(wide, examples, CUTS[0]!))).toEqual([State.MISSING, State.RIGHT]);
});

describe("as lashley.page writes it", () => {
  onAPage();

  const EXPECTED = [
    [State.RIGHT, State.RIGHT, State.RIGHT, State.MISSING],
    [State.RIGHT, State.LOST, State.RIGHT, State.WRONG],
    [State.ONLY_PAIR, State.LOST, State.ONLY_PAIR, State.WRONG],
  ];

  async function states(): Promise<number[][]> {
    const [examples, sweep] = await Promise.all([loadExamples(), loadSweep(CLEAN)]);
    return sweep.ablations.map((cut) => Array.from(statesOf(sweep, examples, cut)));
  }

  test("a sweep has its ablations, and examples without a map no place", async () => {
    const [examples, sweep] = await Promise.all([loadExamples(), loadSweep(CLEAN)]);
    expect(examples).toMatchObject({ length: 4, x: null, y: null });
    expect(sweep.ablations.map(({ units }) => units)).toEqual([[3], [15], [3, 15]]);
    expect(sweep.ablations.map(({ more }) => more.proportion)).toEqual([0.25, null, null]);
  });

  test("every view that reads a sweep sees the same outcomes", async () => {
    expect(await states()).toEqual(EXPECTED);
    expect(await states()).toEqual(EXPECTED);
  });
});
