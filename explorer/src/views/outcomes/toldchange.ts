// Everything that names by how much an ablation changes what was measured on the examples.
import type { ExampleCards } from "../../model/cards";
import type { Scale, Values } from "../../model/changes";
import type { Listed } from "../../model/outcomes";
import type { Examples } from "../../model/sweep";
import type { Row } from "../../page/blocks";
import type { Measure, Report } from "../../page/report";
import { short } from "../../shared/numbers";
import type { Facts } from "../map/rows";
import type { Entry } from "../map/scene";

export interface ToldChange {
  readonly report: Report;
  readonly examples: Examples;
  readonly cards: ExampleCards;
  readonly measure: Measure;
  readonly listed: Listed;
  readonly intact: Values;
  readonly after: Values;
  /** (example,) after - intact. */
  readonly changes: Float64Array;
  readonly scale: Scale;
  /** (example,) the step of each change. */
  readonly states: Uint8Array;
  /** By step, ascending. */
  readonly entries: readonly Entry[];
}

export function changeFacts(told: ToldChange, index: number): Facts {
  const { examples, intact, after, changes, states, entries } = told;
  const example = examples.number?.[index] ?? index;
  const lines: [string, string][] = [
    ...labelLine(told, index),
    ["intact", short(intact[index] ?? Number.NaN)],
    ["ablated", short(after[index] ?? Number.NaN)],
  ];
  const head = `change ${signed(changes[index] ?? Number.NaN)}`;
  const spoken = `Example ${example}: ${lines.map(([name, value]) => `${name} ${value}`).join(", ")}, ${head}.`;
  return { index, example, lines, head, spoken, entry: entries[states[index] ?? 0]! };
}

function labelLine({ report, examples }: ToldChange, index: number): [string, string][] {
  if (report.classes.length > 0) {
    const label = examples.label[index] ?? -1;
    return [["label", report.classes[label] ?? String(label)]];
  }
  return examples.target ? [["target", short(examples.target[index] ?? Number.NaN)]] : [];
}

/** "+12.3", "−0.4". */
export function signed(value: number): string {
  return `${value > 0 ? "+" : ""}${short(value)}`;
}

/** A row for each of some examples. */
export function changeRows(told: ToldChange, some: readonly number[]): Row[] {
  const { report, examples, measure, intact, after, changes } = told;
  const { x, y, label, target, number } = examples;
  return some.map((i) => ({
    example: number?.[i] ?? i,
    ...(x && y ? { x: x[i] ?? null, y: y[i] ?? null } : {}),
    ...(report.classes.length > 0 ? { label: report.classes[label[i] ?? -1] ?? null } : {}),
    ...(target ? { target: target[i] ?? null } : {}),
    [`intact_${measure.name}`]: intact[i] ?? null,
    [measure.name]: after[i] ?? null,
    change: changes[i] ?? null,
  }));
}
