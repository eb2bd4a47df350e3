// Blocks as lashley.page writes them; tests/fixtures.py made those in blocks.json.

import { expect, test } from "vitest";
import { has, json, picture, table, tensor } from "../src/page/blocks";
import { onAPage } from "./made";

onAPage();

test("a table has its names, its length, and its columns", async () => {
  const read = await table("table");
  expect(read.length).toBe(6);
  expect(read.names).toEqual(["class", "claim", "count", "drop_pp", "holds", "perhaps", "label"]);
  expect([...Array.from(read.column<number>("label"))]).toEqual([0, 1, 2, 253, 254, 255]);
});

test("text reads as it was written, whatever stands in it", async () => {
  const read = await table("table");
  expect(Array.from(read.column<string>("class"))).toEqual([
    "cat",
    "cat",
    "dog",
    "cat",
    "dog",
    "cat",
  ]);
  expect(Array.from(read.column<string>("claim"))).toEqual([
    "a, b",
    'say "x"',
    "</script>",
    "größer",
    "",
    "<b>",
  ]);
});

test("whole numbers are numbers, also above 32 bits", async () => {
  const count = (await table("table")).column<number>("count");
  expect(Array.from(count)).toEqual([0, -1, 2 ** 40, 7, 7, 7]);
});

test("what is missing is null in rows, never NaN or undefined", async () => {
  const rows = (await table("table")).rows();
  expect(rows.map((row) => row.drop_pp)).toEqual([0.5, null, -0, 1e-300, -12.25, 3]);
  expect(rows.map((row) => row.holds)).toEqual([true, false, true, true, false, true]);
  expect(rows.map((row) => row.perhaps)).toEqual([true, null, false, null, true, null]);
});

test("an empty table keeps its names", async () => {
  const read = await table("empty");
  expect(read.names).toContain("drop_pp");
  expect(read.rows()).toEqual([]);
});

test("a column that is not there is an error that names those that are", async () => {
  const read = await table("table");
  expect(() => read.column("drop")).toThrow(/no column drop; there are class, claim/);
});

test("an array has its kind, its shape and its numbers, row by row", async () => {
  const { shape, values } = await tensor("array");
  expect(shape).toEqual([2, 3]);
  expect(values).toEqual(Uint16Array.of(0, 300, 600, 900, 1200, 1500));
  expect((await tensor("weights")).values).toEqual(Float32Array.of(0.5, -1.25));
});

test("JSON keeps its characters, and NaN is null", async () => {
  expect(await json("json")).toEqual({ title: "größer & <b>", value: null });
});

test("what the report lacks is said by name", async () => {
  expect([has("table"), has("pairs")]).toEqual([true, false]);
  await expect(table("pairs")).rejects.toThrow("this report has no pairs");
  expect(() => picture("atlas")).toThrow("this report has no atlas");
});

test("a block is read once", async () => {
  expect(table("table")).toBe(table("table"));
});
