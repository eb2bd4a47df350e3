// What the paper says against what the run measured; both forms of the table `claims`.
import type { Cell, Row } from "../page/blocks";
import { cellText, fixed, pText } from "./numbers";

export const VERDICTS = ["yes", "no", "undecided"] as const;
export type Verdict = (typeof VERDICTS)[number];

/** In the plural, for filters and sums. */
export const VERDICT_NAMES: Readonly<Record<Verdict, string>> = {
  yes: "hold",
  no: "do not hold",
  undecided: "undecided",
};

/** One measurement of a claim. */
export interface Measurement {
  /** "47.87 [46.84, 48.88] pp"; empty if it was not measured. */
  readonly text: string;
  readonly verdict: Verdict | null;
}

export interface Claim {
  readonly where: string;
  readonly claim: string;
  readonly printed: string;
  /** What it is about, such as "any network"; "" if the table does not say. */
  readonly of: string;
  readonly method: string;
  readonly note: string;
  /** In the order of `columnsOf`; the first one decides. */
  readonly measurements: readonly Measurement[];
  readonly row: Row;
}

/** A column of measurements: names of its columns in the table, and a heading. */
export interface Column {
  readonly heading: string;
  readonly value: string;
  readonly low: string;
  readonly high: string;
  readonly holds: string;
}

const LAYERS: Column = {
  heading: "Measured",
  value: "measured",
  low: "low",
  high: "high",
  holds: "holds",
};

/** The measurements that a table of claims has. The first one decides whether a claim holds. */
export function columnsOf(names: readonly string[]): Column[] {
  if (names.includes(LAYERS.value)) return [LAYERS];
  const both = names.includes("published");
  return [
    measuredOn("clean", both ? "Measured, clean" : "Measured"),
    ...(both ? [measuredOn("published", "As published")] : []),
  ];
}

function measuredOn(name: string, heading: string): Column {
  const [low, high, holds] = ["low", "high", "holds"].map((end) => `${name}_${end}`);
  return { heading, value: name, low, high, holds } as Column;
}

export function claimOf(row: Row, columns: readonly Column[]): Claim {
  const said = (name: string) => String(row[name] ?? "");
  return {
    where: said("where"),
    claim: said("claim"),
    printed: said("printed"),
    of: said("of"),
    method: said("method"),
    note: said("note"),
    measurements: columns.map((column) => measurement(row, column)),
    row,
  };
}

function measurement(row: Row, { value, low, high, holds }: Column): Measurement {
  const text = measuredText(row[value], row[low], row[high], String(row.unit ?? ""));
  const open = text === "" && (row[holds] ?? null) === null;
  return { text, verdict: open ? null : verdictOf(row[holds]) };
}

/** Yes and no as the studies write them: true and false, or in words. */
export function verdictOf(holds: Cell | undefined): Verdict {
  if (holds === true || holds === "yes") return "yes";
  return holds === false || holds === "no" ? "no" : "undecided";
}

/** A claim holds if it does where it was first measured. */
export function decided({ measurements: [first] }: Claim): Verdict {
  return first?.verdict ?? "undecided";
}

export function tally(claims: readonly Claim[]): Record<Verdict, number> {
  const found = { yes: 0, no: 0, undecided: 0 };
  for (const claim of claims) found[decided(claim)] += 1;
  return found;
}

/** A number with its interval, if it has one, and its unit; a p-value as "p = 0.0040". */
export function measuredText(
  value: Cell | undefined,
  low: Cell | undefined,
  high: Cell | undefined,
  unit: string,
): string {
  if (typeof value !== "number" || !Number.isFinite(value)) return "";
  if (unit === "p") return pText(value);
  const range = finite(low) && finite(high) ? ` [${fixed(low)}, ${fixed(high)}]` : "";
  const number = (range ? fixed(value) : cellText(value)).replace(/^-/, "\u2212");
  return `${number}${range}${unit ? `\u00a0${unit}` : ""}`;
}

function finite(value: Cell | undefined): value is number {
  return typeof value === "number" && Number.isFinite(value);
}
