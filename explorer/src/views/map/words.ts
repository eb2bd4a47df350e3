// What the map says, in a sentence.
import { ablationName } from "../../model/names";
import { type Ablation, State } from "../../model/sweep";
import type { Report } from "../../page/report";
import { count } from "../../shared/numbers";
import type { Told } from "./rows";
import { wordOf } from "./scene";
import { isStale } from "./selection";

/** "Of 10,000 examples after the ablation of unit 4: 5,210 still right, ...". */
export function sentence(told: Told, counted: readonly number[], shown: string): string {
  const { report, ablation, entries } = told;
  const parts = entries.map(({ state, word }) => `${count(counted[state]!)} ${word}`);
  return `Of ${shown}, ${networkOf(report, ablation)}: ${parts.join(", ")}.`;
}

/**
 ** Why the pair's counts add up to more than what it loses; empty if they do not.
 *
 * Args: `own` (example,) 1 for those that are counted; null: all.
 */
export function notLost({ sweep, examples, states }: Told, own: Uint8Array | null): string {
  const wrong = (i: number) => sweep.intact[i] !== examples.label[i] && (own === null || own[i]);
  const only = [...states.keys()].filter((i) => states[i] === State.ONLY_PAIR);
  const n = only.filter(wrong).length;
  if (n === 0) return "";
  return (
    `${count(n)} of those lost only by the pair the intact network also gets wrong; ` +
    "the drop does not count them."
  );
}

export function selectedWords(n: number): string {
  return n === 1 ? "1 example is selected" : `${count(n)} examples are selected`;
}

/** "0 examples: none is lost only by the pair after the ablation of unit 4." */
export function nothingSelected({ report, ablation, entries }: Told, select: string): string {
  if (!isStale(select, entries)) return "0 examples: none fits all that is asked for.";
  return `0 examples: none is ${wordOf(select)} ${networkOf(report, ablation)}.`;
}

function networkOf(report: Report, ablation: Ablation | null): string {
  if (ablation === null) return "with the intact network";
  return `after the ablation of ${ablationName(report, ablation)}`;
}
