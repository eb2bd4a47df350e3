// What the address chooses: one rule for each kind of value, whichever view reads it.

/** A choice of one of a few, kept under a key of the address. */
export interface Options {
  readonly of: string;
  readonly values: readonly (readonly [value: string, title: string])[];
  /** What holds while the address says nothing; the first one if left out. */
  readonly otherwise?: string;
}

/** The value given if it is one of the options, else the default. */
export function allowed({ values, otherwise }: Options, given: string | undefined): string {
  const found = values.find(([value]) => value === given)?.[0];
  return found ?? otherwise ?? values[0]?.[0] ?? "";
}

/** "0", "12": as whole numbers are written; null for all else, such as "03", "1.5" and "". */
export function wholeIn(text: string | undefined): number | null {
  return text !== undefined && /^(0|[1-9]\d*)$/.test(text) ? Number(text) : null;
}

/** A class' index; null if the text names none of the `n` classes. */
export function classIn(text: string, n: number): number | null {
  const index = wholeIn(text);
  return index !== null && index < n ? index : null;
}

/** Units counted from 0, ascending, each once; none if not all of the text is units. */
export function unitsIn(text: string): number[] {
  const numbers = text.split(",").map(wholeIn);
  const units = numbers.filter((number) => number !== null);
  return units.length === numbers.length ? [...new Set(units)].sort((a, b) => a - b) : [];
}
