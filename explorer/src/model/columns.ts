// Rows of a large table by what they hold, without making an object of each.
import type { Cell, Row, Table } from "../page/blocks";

/** Row numbers, ascending, of the rows that agree with all keys. */
export function where(table: Table, keys: Readonly<Record<string, Cell>>): number[] {
  const wanted = Object.entries(keys).map(([name, value]) => [table.column(name), value] as const);
  const found: number[] = [];
  for (let row = 0; row < table.length; row++) {
    if (wanted.every(([column, value]) => column[row] === value)) found.push(row);
  }
  return found;
}

/** One row, made when asked for. */
export function rowAt(table: Table, row: number): Row {
  return Object.fromEntries(table.names.map((name) => [name, table.column(name)[row] ?? null]));
}

/** A column's number in a row; NaN where it is missing, and where the table has no such column. */
export function numberAt(table: Table, name: string, row: number): number {
  return table.names.includes(name) ? number(table.column(name)[row]) : Number.NaN;
}

/** A cell as a number; NaN for what is missing. */
export function number(value: Cell | undefined): number {
  return typeof value === "number" ? value : Number.NaN;
}

/** Of all numbers that are there; NaN without any. */
export function mean(values: readonly number[]): number {
  const there = values.filter(Number.isFinite);
  return there.reduce((sum, value) => sum + value, 0) / there.length;
}

/** What a column holds, each value once, in the order of the rows. */
export function distinct<T extends Cell>(table: Table, name: string): T[] {
  return [...new Set(Array.from(table.column<T>(name)))];
}
