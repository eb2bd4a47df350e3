// Numbers as a reader wants them.
import { expect, test } from "vitest";
import { capital, fixed, pText, withInterval, withUnit } from "../src/shared/numbers";

test("have their unit, few digits, and a minus that is no hyphen", () => {
  expect(withUnit(-1.234)).toBe("\u22121.23\u00a0pp");
  expect(withUnit(12.34, "%", 1)).toBe("12.3\u00a0%");
  expect(withInterval(1, { low: -0.5, high: 2.5 })).toBe("1.00 [\u22120.50, 2.50]\u00a0pp");
  expect(withInterval(1, { low: 0, high: 2 }, "")).toBe("1.00 [0.00, 2.00]");
});

test("that are missing are not measured", () => {
  for (const odd of [undefined, Number.NaN, Number.POSITIVE_INFINITY])
    expect(withUnit(odd)).toBe("not measured");
  expect(withInterval(Number.NaN, { low: Number.NaN, high: Number.NaN })).toBe("not measured");
  expect(fixed(Number.NaN)).toBe("");
});

test("a p says below what it lies, or that it is unknown", () => {
  expect([pText(0.004), pText(0.5)]).toEqual(["p\u00a0=\u00a00.0040", "p\u00a0=\u00a00.50"]);
  expect([pText(0.0009), pText(Number.NaN)]).toEqual(["p\u00a0<\u00a00.001", "p unknown"]);
});

test("a sentence begins in upper case", () => {
  expect([capital("unit 12"), capital("")]).toEqual(["Unit 12", ""]);
});
