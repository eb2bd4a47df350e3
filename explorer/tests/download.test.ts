// CSV as RFC 4180 has it.
import { describe, expect, test } from "vitest";
import { csvOf } from "../src/shared/download";

describe("CSV", () => {
  test("has a line of names, then a line for each row, each with CRLF", () => {
    expect(csvOf([{ unit: 3, drop_pp: 27.41 }])).toBe("unit,drop_pp\r\n3,27.41\r\n");
  });

  test("quotes commas, quotation marks and line breaks, in names too", () => {
    const rows = [{ 'a,"b"': "x,y", units: "3,15", note: 'say "x"', more: "one\ntwo", r: "1\r2" }];
    expect(csvOf(rows)).toBe(
      '"a,""b""",units,note,more,r\r\n"x,y","3,15","say ""x""","one\ntwo","1\r2"\r\n',
    );
  });

  test("leaves empty what is missing, and keeps all digits", () => {
    const rows = [{ a: null, b: Number.NaN, c: 1 / 3, d: 0, e: false, f: "" }];
    expect(csvOf(rows)).toBe(`a,b,c,d,e,f\r\n,,${1 / 3},0,false,\r\n`);
  });

  test("has the columns of all rows, also where some rows lack them", () => {
    expect(csvOf([{ a: 1 }, { b: 2 }])).toBe("a,b\r\n1,\r\n,2\r\n");
  });

  test("reads back as it was", () => {
    const text = 'a "quoted", text\r\nwith <b>größer</b> = 1';
    expect(readBack(csvOf([{ text, n: "-1" }]))).toEqual([
      ["text", "n"],
      [text, "-1"],
    ]);
  });
});

/** A slow reader of CSV, letter by letter. */
function readBack(csv: string): string[][] {
  const rows: string[][] = [[]];
  let [cell, quoted] = ["", false];
  for (let i = 0; i < csv.length; i++) {
    const letter = csv[i]!;
    if (quoted && letter === '"' && csv[i + 1] === '"') cell += csv[++i];
    else if (letter === '"') quoted = !quoted;
    else if (!quoted && letter === ",") {
      rows.at(-1)!.push(cell);
      cell = "";
    } else if (!quoted && letter === "\r" && csv[i + 1] === "\n") {
      rows.at(-1)!.push(cell);
      rows.push([]);
      cell = "";
      i++;
    } else cell += letter;
  }
  return rows.slice(0, -1);
}
