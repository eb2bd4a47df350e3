// What the address chooses: one rule for each kind of value.
import { describe, expect, test } from "vitest";
import { allowed, classIn, unitsIn, wholeIn } from "../src/state/chosen";

describe("a choice of one", () => {
  const options = {
    of: "top",
    values: [
      ["1", "top-1"],
      ["5", "top-5"],
    ],
  } as const;

  test("is what is given where that is there, else the default, else the first", () => {
    expect(allowed(options, "5")).toBe("5");
    for (const odd of ["", undefined, "05", "7"]) {
      expect(allowed(options, odd)).toBe("1");
      expect(allowed({ ...options, otherwise: "5" }, odd)).toBe("5");
    }
  });

  test("of nothing is empty", () => {
    expect(allowed({ of: "top", values: [] }, "1")).toBe("");
  });
});

test("whole numbers are read only as they are written", () => {
  expect(["0", "7", "12"].map(wholeIn)).toEqual([0, 7, 12]);
  for (const odd of [undefined, "", "03", "-1", "1.5", "1e2", " 3", "x"])
    expect(wholeIn(odd)).toBeNull();
});

test("a class is one of those that there are", () => {
  expect(["0", "1"].map((text) => classIn(text, 2))).toEqual([0, 1]);
  for (const odd of ["", "2", "-1", "01", "0.5", "cat"]) expect(classIn(odd, 2)).toBeNull();
});

describe("units", () => {
  test("stand in order, each once", () => {
    expect(unitsIn("3")).toEqual([3]);
    expect(unitsIn("15,3")).toEqual([3, 15]);
    expect(unitsIn("3,15,3")).toEqual([3, 15]);
  });

  test("are all good, or none", () => {
    for (const odd of ["", "3,", ",3", "a", "3,a", "-1", "1.5", "3 15", "03"])
      expect(unitsIn(odd)).toEqual([]);
  });
});
