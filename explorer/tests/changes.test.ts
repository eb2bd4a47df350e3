// Outcomes that are numbers: read to the bit, summed up, in steps, in groups, in bins.
import { describe, expect, test, vi } from "vitest";
import { changesOf, meanOf, readingsOf, STEPS, scaleOf, stepsOf } from "../src/model/changes";
import { byClass, byValue } from "../src/model/grouping";
import { State } from "../src/model/sweep";
import { changeText, short, tickText, valueText } from "../src/shared/numbers";
import { binsOf } from "../src/views/outcomes/histogram";
import { bySize, inTurn } from "../src/views/outcomes/order";
import { bottomUp, stepEntries } from "../src/views/outcomes/steps";

vi.hoisted(() =>
  Object.assign(globalThis, {
    matchMedia: () => ({ matches: false, addEventListener: () => {} }),
    location: { hash: "" },
    addEventListener: () => {},
    document: { documentElement: { dataset: {} } },
  }),
);

function packed<T extends Float32Array | Float64Array>(rows: readonly T[], intact: T): Uint32Array {
  const bits = (values: T) => new Uint32Array(values.slice().buffer);
  const own = bits(intact);
  return Uint32Array.from(
    rows.flatMap((row) => [...bits(row as T)].map((b, i) => b ^ (own[i] ?? 0))),
  );
}

describe("readings", () => {
  test.each([Float32Array, Float64Array])("are the numbers that were measured", (Kind) => {
    const intact = new Kind([0.1, -2, 3e7, 0]);
    const rows = [new Kind([0.1, -2.5, 3e7, 1]), new Kind([1 / 3, -2, -3e7, -0])];
    const readings = readingsOf(intact as Float64Array, packed(rows, intact as never));
    expect([...readings.ablated(1)]).toEqual([...rows[1]!]);
    expect([...changesOf(readings, 0)]).toEqual([0, -0.5, 0, 1]);
  });
});

describe("the mean change", () => {
  test("of all, of some, of none", () => {
    const changes = Float64Array.of(1, 2, 3, 6);
    expect(meanOf(changes)).toMatchObject({ value: 3, n: 4 });
    expect(meanOf(changes, [0, 1]).value).toBe(1.5);
    expect(meanOf(changes, [2])).toMatchObject({ value: 3, low: -Infinity, high: Infinity });
    expect(meanOf(changes, []).value).toBeNaN();
  });
});

describe("steps of change", () => {
  test("lie around 0, the same number on either side", () => {
    const scale = scaleOf([-7, -1, 0, 1, 7]);
    expect(scale.edges).toHaveLength(STEPS - 1);
    expect(scale.edges.map((edge) => -edge).reverse()).toEqual(
      scale.edges.map((e) => expect.closeTo(e, 9)),
    );
    expect([...stepsOf([-99, 0, 99], scale)]).toEqual([0, 3, 6]);
  });

  test("tell no change from change where nearly nothing changes", () => {
    const changes = [...Array<number>(99).fill(0), 1];
    const steps = stepsOf(changes, scaleOf(changes));
    expect([steps[0], steps[99]]).toEqual([3, 6]);
  });

  test("have colours of their own, the largest on top", () => {
    const palette = { states: { [State.WRONG]: "#b4b4b4" } } as never;
    const entries = stepEntries(scaleOf([1, 2]), palette, "light");
    expect(new Set(entries.map(({ colour }) => colour)).size).toBe(STEPS);
    for (const { colour } of entries) expect(colour).toMatch(/^#[0-9a-f]{6}$/);
    expect(bottomUp(entries).map(({ state }) => state)).toEqual([3, 2, 4, 1, 5, 0, 6]);
  });
});

describe("groups of examples", () => {
  test("are the classes that have examples", () => {
    expect(byClass([2, 0, 2], ["a", "b", "c"])).toEqual([
      { name: "a", members: [1] },
      { name: "c", members: [0, 2] },
    ]);
  });

  test("are the values where these are few, else quarters of equal size", () => {
    expect(byValue([2, 1, 2]).map(({ name, members }) => [name, members])).toEqual([
      ["1", [1]],
      ["2", [0, 2]],
    ]);
    const many = Array.from({ length: 40 }, (_, i) => (i * 7) % 40);
    const quarters = byValue(many);
    expect(quarters.map(({ members }) => members.length)).toEqual([10, 10, 10, 10]);
    expect(quarters[1]?.name).toBe("above 9 to 19");
  });

  test("hold every example once, with many equal numbers too", () => {
    const many = Array.from({ length: 60 }, (_, i) => (i < 40 ? 0 : i));
    const all = byValue(many).flatMap(({ members }) => members);
    expect(all.sort((a, b) => a - b)).toEqual([...many.keys()]);
  });

  test("are none of one value, and none of many words", () => {
    expect(byValue([1, 1, 1])).toEqual([]);
    expect(byValue([..."abcdefghijk"])).toEqual([]);
  });
});

describe("the histogram", () => {
  test("counts every example, and no bin holds both rises and falls", () => {
    const changes = Float64Array.from({ length: 1000 }, (_, i) => ((i * 37) % 401) - 200);
    const { bins, up, down, none } = binsOf(changes, null);
    expect(up + down + none).toBe(1000);
    expect(bins.reduce((sum, { n }) => sum + n, 0)).toBe(up + down);
    for (const { from, to } of bins) expect(from < 0 && to > 1e-9).toBe(false);
  });

  test("takes what lies beyond the ends into the outermost bins", () => {
    const changes = Float64Array.from({ length: 300 }, (_, i) => (i === 7 ? 1e9 : i / 300 + 0.01));
    const { bins, beyond } = binsOf(changes, null);
    expect(beyond).toBeGreaterThan(0);
    expect(bins.at(-1)?.n).toBeGreaterThan(0);
    expect(bins.at(-1)?.to).toBeLessThan(2);
  });
});

describe("the order of cards", () => {
  test("by the size of the change", () => {
    const changes = Float64Array.of(1, -5, 3, 0);
    const some = [0, 1, 2, 3];
    expect(
      ["most", "least", "rise", "fall", "number"].map((way) => bySize(some, changes, way)),
    ).toEqual([[1, 2, 0, 3], [3, 0, 2, 1], [2, 0], [1], [0, 1, 2, 3]]);
  });

  test("by what became of the examples", () => {
    const states = Uint8Array.of(State.RIGHT, State.GAINED, State.LOST, State.ONLY_PAIR);
    const turn = (wanted: string) => inTurn([0, 1, 2, 3], states, wanted);
    expect([turn("changed"), turn("all"), turn("lost"), turn("right")]).toEqual([
      [3, 2, 1],
      [3, 2, 1, 0],
      [2],
      [0],
    ]);
  });
});

describe("numbers of any size", () => {
  test.each([
    [3021.4, "3,021"],
    [0.04119, "0.0412"],
    [-12.345, "−12.3"],
    [5, "5"],
    [0, "0"],
    [1.23e-7, "1.23e−7"],
    [Number.NaN, ""],
  ])("%d", (value, text) => {
    expect(short(value)).toBe(text);
  });

  test("have no idle digits at an axis", () => {
    expect([0.5, -0.2, 1500, 0].map(tickText)).toEqual(["0.5", "−0.2", "1,500", "0"]);
  });

  test("have as many digits as their interval is worth", () => {
    expect(changeText(3021.4, { low: 2500, high: 3500 })).toBe("3,021 [2,500, 3,500]");
    expect(changeText(-0.01234, { low: -0.02, high: -0.004 })).toBe("−0.012 [−0.020, −0.004]");
    expect(changeText(2, { low: -Infinity, high: Infinity })).toBe("2");
    expect(valueText(1, { low: 0, high: 2 }, "pp")).toBe("1.00 [0.00, 2.00]\u00a0pp");
  });
});
