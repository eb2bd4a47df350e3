// The map's numbers: what it says about an example, and its rows as CSV.
import type { Ablation, Examples, Sweep } from "../../model/sweep";
import type { Row } from "../../page/blocks";
import type { Report } from "../../page/report";
import type { Entry } from "./scene";

/** Everything that names what an example did. */
export interface Told {
  readonly report: Report;
  readonly examples: Examples;
  readonly sweep: Sweep;
  readonly ablation: Ablation | null;
  readonly states: Uint8Array;
  readonly entries: readonly Entry[];
}

/** An example in words. */
export interface Facts {
  /** Where it stands among the examples of the page. */
  readonly index: number;
  /** Its number in the run. */
  readonly example: number;
  /** What is known of it, name and value. */
  readonly lines: readonly (readonly [name: string, value: string])[];
  /** What a card says above that; the entry's word if left out. */
  readonly head?: string;
  /** All that as it is read aloud. */
  readonly spoken: string;
  readonly entry: Entry;
}

/** An example of a classification. */
export interface Answers {
  readonly index: number;
  readonly example: number;
  readonly label: string;
  readonly intact: string;
  /** Of the ablated network; null: no network is ablated. */
  readonly ablated: string | null;
  readonly entry: Entry;
}

export function factsOf(told: Told, index: number): Facts {
  const found = answersOf(told, index);
  const { example, label, intact, ablated, entry } = found;
  const lines: [string, string][] = [
    ["label", label],
    ["intact", intact],
    ...(ablated === null ? [] : [["ablated", ablated] as [string, string]]),
  ];
  return { index, example, lines, spoken: inWords(found), entry };
}

export function answersOf(told: Told, index: number): Answers {
  const { report, examples, sweep, ablation, states, entries } = told;
  const name = (of: number | undefined) =>
    of === undefined || of === sweep.missing ? "not measured" : (report.classes[of] ?? String(of));
  return {
    index,
    example: examples.number?.[index] ?? index,
    label: name(examples.label[index]),
    intact: name(sweep.intact[index]),
    ablated: ablation && name(sweep.predictions(ablation)[index]),
    entry: entries.find(({ state }) => state === states[index])!,
  };
}

export function inWords({ example, label, intact, ablated, entry }: Answers): string {
  const after = ablated === null ? "" : ` After the ablation: ${ablated}.`;
  return `Example ${example}: ${label}. Intact network: ${intact}.${after} ${entry.word}.`;
}

/** A row per example; only for some if a mask says so. */
export function rowsOf(told: Told, some: Uint8Array | null): Row[] {
  const { x, y } = told.examples;
  const rows: Row[] = [];
  for (let i = 0; i < told.examples.length; i++) {
    if (some !== null && !some[i]) continue;
    const { example, label, intact, ablated, entry } = answersOf(told, i);
    rows.push({
      example,
      ...(x && y ? { x: x[i]!, y: y[i]! } : {}),
      label,
      intact_prediction: intact,
      ...(ablated === null ? {} : { prediction: ablated }),
      state: entry.key,
    });
  }
  return rows;
}
