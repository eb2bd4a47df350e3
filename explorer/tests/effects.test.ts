// Effects by class, their bars, and where lost examples go: as lashley.effects has them, and counted slowly.

import { describe, expect, test, vi } from "vitest";

// theme.ts and fragment.ts look at the browser when they are read
vi.hoisted(() =>
  Object.assign(globalThis, {
    matchMedia: () => ({ matches: false, addEventListener: () => {} }),
    location: { hash: "" },
    addEventListener: () => {},
    document: { documentElement: { dataset: {} } },
  }),
);

import { State, statesOf } from "../src/model/sweep";
import { palette } from "../src/state/theme";
import { barsOptions } from "../src/views/effects/bars";
import { flowsOf, largest, sumOf } from "../src/views/effects/flows";
import { barOf, type Group, groupsOf, rowOf, shownOf } from "../src/views/effects/groups";
import found from "./effects.json"; // the file says how it was made
import { sweepWith } from "./made";

const CLASSES = ["a", "b", "c"];
const { label, intact } = found;
const examples = { length: label.length, label, x: null, y: null };
const sweep = sweepWith(
  { name: "clean", title: "" },
  found.units.map((units, row) => ({
    row,
    site: "fc1",
    units,
    method: "zero_weights",
    design: units.length > 1 ? "pairs" : "singles",
    more: {},
  })),
  Uint8Array.from(intact),
  Uint8Array.from(found.predictions.flat()),
);
const measured = sweep.ablations.map((ablation) => {
  const states = statesOf(sweep, examples, ablation);
  return { ablation, states, groups: groupsOf(CLASSES, sweep, examples, states) };
});

function group(index: number | null, numbers: Partial<Group>): Group {
  return {
    index,
    name: index === null ? "all" : `class ${index}`,
    total: 100,
    intact: 90,
    lost: 0,
    gained: 0,
    onlyPair: 0,
    lostByPair: 0,
    dropPp: 0,
    interval: { low: -1, high: 1 },
    ...numbers,
  };
}

describe("groups", () => {
  test("are all examples first, then each class, with the numbers of lashley.effects", () => {
    for (const [i, { groups }] of measured.entries()) {
      const expected = [found.effects[i]!.all, ...found.effects[i]!.classes];
      expect(groups.map(({ name }) => name)).toEqual(["all", ...CLASSES]);
      for (const [k, { lost, gained, total, intact, dropPp, interval }] of groups.entries()) {
        const { drop_pp, low, high, ...counted } = expected[k]!;
        expect({ lost, gained, total, intact }).toEqual(counted);
        expect(dropPp).toBeCloseTo(drop_pp, 9);
        expect(interval.low).toBeCloseTo(low, 9);
        expect(interval.high).toBeCloseTo(high, 9);
      }
    }
  });

  test("count what only the pair loses as lashley.interactions does", () => {
    const [all, ...classes] = measured[2]!.groups;
    expect(classes.map(({ onlyPair }) => onlyPair)).toEqual(found.only_pair);
    expect(all!.onlyPair).toBe(found.only_pair.reduce((sum, each) => sum + each, 0));
  });

  test("know how much of what only the pair loses was right when intact", () => {
    const { states, groups } = measured[2]!;
    const right = label.filter((own, i) => states[i] === State.ONLY_PAIR && intact[i] === own);
    expect(groups[0]!.lostByPair).toBe(right.length);
    expect(groups[0]!.lostByPair).toBeLessThan(groups[0]!.onlyPair); // the intact network errs too
  });

  test("leave out examples that were not measured, and classes without any", () => {
    const states = measured[0]!.states.map((state, i) => (label[i] === 1 ? State.MISSING : state));
    const groups = groupsOf([...CLASSES, "d"], sweep, examples, states);
    expect(groups.map(({ name }) => name)).toEqual(["all", "a", "c"]);
    expect(groups[0]!.total).toBe(label.filter((each) => each !== 1).length);
  });

  test("as rows have the columns of the run's table; only pairs have only_pair", () => {
    expect(Object.keys(rowOf(measured[2]!.groups[0]!, true))).toContain("only_pair");
    expect(rowOf(measured[0]!.groups[1]!, false)).toMatchObject({ class: "a", drop_pp: -20 });
    expect(Object.keys(rowOf(measured[0]!.groups[0]!, false))).not.toContain("only_pair");
  });
});

describe("shownOf", () => {
  const many = [
    group(null, { lost: 999 }),
    ...Array.from({ length: 30 }, (_, i) => group(i, { lost: i, intact: 50 + i })),
  ];

  test("shows up to 20 classes, those that lose most, in the order of the classes", () => {
    const shown = shownOf(many, null, true);
    expect(shown.map(({ index }) => index)).toEqual([null, ...range(10, 30)]);
  });

  test("the chosen class is always among them", () => {
    const shown = shownOf(many, 3, true);
    expect(shown.map(({ index }) => index)).toEqual([null, 3, ...range(11, 30)]);
  });

  test("of the intact network: the classes with the most wrong examples", () => {
    expect(shownOf(many, null, false).map(({ index }) => index)).toEqual([null, ...range(0, 20)]);
  });
});

describe("bars", () => {
  test("stack up to the intact accuracy, gains hang below; nothing is set off", () => {
    for (const { groups } of measured)
      for (const each of groups) {
        const { right, byPair, lost, gained } = barOf(each);
        const count = (part: { from: number; to: number }) =>
          ((part.to - part.from) * each.total) / 100;
        expect([right.from, byPair.from, lost.from]).toEqual([0, right.to, byPair.to]);
        expect(lost.to).toBeCloseTo((100 * each.intact) / each.total, 9);
        expect(count(byPair) + count(lost)).toBeCloseTo(each.lost, 9);
        expect(count(gained)).toBeCloseTo(each.gained, 9);
        expect(gained.to).toBe(0);
      }
  });

  test("the tick is the accuracy that is left, inside its whisker", () => {
    const { after, right, gained } = barOf(
      group(0, { lost: 30, gained: 4, dropPp: 26, interval: { low: 17, high: 34 } }),
    );
    expect(after).toEqual({ value: 64, low: 56, high: 73 });
    expect(after.value).toBe(right.to - gained.from);
  });

  test("what the intact network gets wrong has the colour of what is lost, as on the map", () => {
    const look = { palette: palette.peek(), width: 600, chosen: null, ablated: false, pair: false };
    const { marks = [] } = barsOptions([group(null, {}), group(0, {})], look);
    const fills = marks.map((mark) => (mark as { fill?: string } | null)?.fill);
    expect(fills).toContain(look.palette.states[State.LOST]);
    expect(fills).not.toContain(look.palette.states[State.WRONG]);
  });

  test("a whisker ends at 0 and 100", () => {
    const { after } = barOf(group(0, { interval: { low: -20, high: 99 } }));
    expect([after.low, after.high]).toEqual([0, 100]);
  });
});

describe("where lost examples go", () => {
  test("each lost example flows once, to what it is taken for", () => {
    for (const { ablation, states, groups } of measured) {
      const after = sweep.predictions(ablation);
      const flows = flowsOf(sweep, examples, states, after);
      expect(sumOf(flows)).toBe(groups[0]!.lost);
      for (const { label: from, taken, count } of flows) {
        expect(taken).not.toBe(from);
        const slow = label.filter(
          (own, i) => own === from && intact[i] === own && after[i] === taken,
        );
        expect(count).toBe(slow.length);
      }
    }
  });

  test("of the intact network the wrong examples flow", () => {
    const states = measured[0]!.states;
    expect(sumOf(flowsOf(sweep, examples, states, null))).toBe(
      label.filter((own, i) => intact[i] !== own).length,
    );
  });

  test("the most frequent come first, and the classes with the largest sums are found", () => {
    const flows = [
      { label: 5, taken: 0, count: 9 },
      { label: 1, taken: 0, count: 6 },
      { label: 1, taken: 2, count: 5 },
      { label: 3, taken: 2, count: 1 },
    ];
    expect(largest(flows, "label", 2)).toEqual([1, 5]);
    expect(largest(flows, "taken", 1)).toEqual([0]);
    const counts = flowsOf(
      sweep,
      examples,
      measured[2]!.states,
      sweep.predictions(measured[2]!.ablation),
    );
    expect(counts.map(({ count }) => count)).toEqual(
      counts.map(({ count }) => count).sort((a, b) => b - a),
    );
  });
});

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i);
}
