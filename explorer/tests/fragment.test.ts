// The state of the views in the address.
import { beforeEach, describe, expect, test, vi } from "vitest";

// A window with a history, as small as fragment.ts needs it.
const page = vi.hoisted(() => {
  const found = {
    hash: "#view=explore&units=3,15",
    steps: [] as string[],
    changed: () => {},
  };
  const go = (step: string) => (_: unknown, __: string, address: string) => {
    found.hash = address === "#" ? "" : address;
    found.steps.push(`${step} ${address}`);
  };
  Object.assign(globalThis, {
    location: found,
    history: { pushState: go("push"), replaceState: go("replace") },
    addEventListener: (_: string, listener: () => void) => {
      found.changed = listener;
    },
  });
  return found;
});

import { get, keys, linkTo, parse, set, written } from "../src/state/fragment";

const ODD: readonly Readonly<Record<string, string>>[] = [
  { class: "3", lasso: "0.1,0.25,0.9,1" },
  { filter: "a&b=c#d?e+f%g" },
  { filter: "<script>\"quoted\" 'and' größer 猫" },
  { filter: " spaces  and %2C and %zz " },
  { "odd key&": "=" },
];

beforeEach(() => {
  page.hash = "#view=explore&units=3,15";
  page.changed();
  page.steps.length = 0;
});

describe("addresses", () => {
  test.each(ODD)("%j comes back as it was written", (state) => {
    expect(parse(written(state))).toEqual(state);
  });

  test("keep commas readable, and are empty without keys", () => {
    expect(written({ view: "explore", units: "3,15" })).toBe("#view=explore&units=3,15");
    expect(written({})).toBe("");
    expect(parse("")).toEqual({});
    expect(parse("#")).toEqual({});
  });
});

describe("state", () => {
  test("is read from the address that the page was opened with", () => {
    expect(get("units")).toBe("3,15");
    expect(get("class", "all")).toBe("all");
  });

  test("a change is a step for Back, and only names what changed", () => {
    set({ units: "11" });
    expect(keys.value).toEqual({ view: "explore", units: "11" });
    expect(page.steps).toEqual(["push #view=explore&units=11"]);
  });

  test("a quiet change is no step", () => {
    set({ zoom: "2,0,0" }, true);
    expect(page.steps).toEqual(["replace #view=explore&units=3,15&zoom=2,0,0"]);
  });

  test("null takes a key away, and the last one leaves an empty address", () => {
    set({ units: null });
    expect(page.hash).toBe("#view=explore");
    set({ view: null });
    expect([page.hash, keys.value]).toEqual(["", {}]);
  });

  test("nothing as a value takes a key away too", () => {
    set({ units: "", select: "" });
    expect(page.hash).toBe("#view=explore");
  });

  test("what does not change leaves no step", () => {
    set({ units: "3,15", select: "" });
    expect(page.steps).toEqual([]);
  });

  test("follows Back and links", () => {
    page.hash = "#view=claims";
    page.changed();
    expect(keys.value).toEqual({ view: "claims" });
  });

  test("does not draw again for an address of its own", () => {
    set({ units: "11" });
    const before = keys.value;
    page.changed();
    expect(keys.value).toBe(before);
  });

  test("a link to another view leaves behind what only this one knows", () => {
    set({ lasso: "0.1,0.2,0.3,0.4,0.5,0", sort: "drop", class: "3", theme: "dark", site: "fc1" });
    expect(parse(linkTo({ view: "pairs" }))).toEqual({
      view: "pairs",
      units: "3,15",
      class: "3",
      theme: "dark",
      site: "fc1",
    });
  });

  test("a link inside the view keeps all", () => {
    set({ lasso: "0.1,0.2,0.3,0.4,0.5,0", sort: "drop" });
    const all = { ...keys.value, units: "3" };
    expect(parse(linkTo({ units: "3" }))).toEqual(all);
    expect(parse(linkTo({ view: "explore", units: "3" }))).toEqual(all);
  });

  test("a link keeps the other keys and changes nothing", () => {
    expect(linkTo({ view: "scores" })).toBe("#view=scores&units=3,15");
    expect(linkTo({ view: null, units: null })).toBe("#");
    expect(page.steps).toEqual([]);
  });
});
