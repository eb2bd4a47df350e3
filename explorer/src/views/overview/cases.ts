// The cases worth a look: what each ablation did, read from its address.
import { type Effect, effectOf } from "../../model/effect";
import { ablationOf, groupsOf } from "../../model/groups";
import { type Ablation, type Examples, type Sweep, statesOf } from "../../model/sweep";
import type { Tables } from "../../model/tables";
import { count } from "../../shared/numbers";
import { unitsIn, wholeIn } from "../../state/chosen";
import { type Keys, parse, written } from "../../state/fragment";

/** What a case shows. */
export interface Preview {
  readonly states: Uint8Array;
  readonly effect: Effect;
}

/** The address of a case; the theme stays as it is. */
export function addressOf(fragment: string, now: Keys): string {
  const { theme } = now;
  return written(theme === undefined ? parse(fragment) : { ...parse(fragment), theme });
}

/** Finds the ablation that an address names. */
export type Find = (keys: Keys) => Ablation | undefined;

export function preview(
  sweep: Sweep,
  examples: Examples,
  find: Find,
  fragment: string,
): Preview | null {
  const ablation = find(parse(fragment));
  if (ablation === undefined) return null;
  const states = statesOf(sweep, examples, ablation);
  return { states, effect: effectOf(sweep, examples, states) };
}

/** Of units of the one site. */
export function findUnits(sweep: Sweep): Find {
  return ({ units = "" }) => sweep.of(...unitsIn(units));
}

/** Of a filter and those most similar to it; only if the page carries its outcomes by example. */
export function findGroup(tables: Tables): Find {
  return ({ site = "", method = "", proportion, group }) => {
    const setting = { method, proportion: Number(proportion), top: 1 };
    const found = groupsOf(tables, site, setting, "similar_groups").find(
      (each) => each.number === wholeIn(group) && each.row >= 0,
    );
    return found && ablationOf(tables.groups, found);
  };
}

/** The examples whose answer an ablation changed: name of the state, and how many in words. */
export function changes({ lost, gained, onlyPair }: Effect): [state: string, words: string][] {
  const pair: [string, string][] =
    onlyPair > 0 ? [["only-pair", `${count(onlyPair)} only by the pair`]] : [];
  return [["lost", `${count(lost)} lost`], ["gained", `${count(gained)} gained`], ...pair];
}
