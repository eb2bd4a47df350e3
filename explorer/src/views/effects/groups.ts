// An ablation's effect on all examples and on each class.
import { type Effect, effectsOf } from "../../model/effect";
import type { Examples, Sweep } from "../../model/sweep";
import type { Row } from "../../page/blocks";

/** All examples, or those of a class. */
export interface Group extends Effect {
  readonly name: string;
  /** The class' index; null: all examples. */
  readonly index: number | null;
}

export const MOST = 20; // classes that are shown; the CSV has all

/** "all" first, then the classes that have examples. */
export function groupsOf(
  classes: readonly string[],
  sweep: Sweep,
  examples: Examples,
  states: Uint8Array,
): Group[] {
  const { all, byClass } = effectsOf(sweep, examples, states, classes.length);
  const groups = byClass.map((effect, index) => ({ name: classes[index] ?? "", index, ...effect }));
  return [{ name: "all", index: null, ...all }, ...groups.filter(({ total }) => total > 0)];
}

/**
 ** "all" and, of more than MOST classes, the most affected, in the order of the classes; the chosen
 ** class is always among them. For the intact network: those with the most wrong examples.
 */
export function shownOf(
  groups: readonly Group[],
  chosen: number | null,
  ablated: boolean,
  most = MOST,
): Group[] {
  const hit = ({ lost, total, intact }: Group) => (ablated ? lost : total - intact);
  const classes = groups.filter(({ index }) => index !== null);
  const own = classes.filter(({ index }) => index === chosen);
  const others = classes.filter(({ index }) => index !== chosen);
  const first = others.sort((a, b) => hit(b) - hit(a)).slice(0, most - own.length);
  const kept = [...own, ...first].sort((a, b) => (a.index ?? 0) - (b.index ?? 0));
  return [...groups.filter(({ index }) => index === null), ...kept];
}

export interface Part {
  readonly from: number;
  readonly to: number;
}

/** A group as a bar, in % of its examples; what was gained hangs below zero. */
export interface Bar {
  readonly group: Group;
  readonly right: Part;
  readonly byPair: Part;
  readonly lost: Part;
  readonly gained: Part;
  /** Accuracy of the ablated network, with the interval of its difference from the intact one. */
  readonly after: { readonly value: number; readonly low: number; readonly high: number };
}

/**
 * Still right, lost only by the pair and lost stand on each other, so the bar ends at the intact
 * accuracy and nothing is hidden: losses and gains are gross, never set off against each other.
 */
export function barOf(group: Group): Bar {
  const { total, intact, lost, gained, lostByPair, dropPp, interval } = group;
  const percent = (count: number) => (total > 0 ? (100 * count) / total : 0);
  const [right, byPair, top] = [intact - lost, intact - lost + lostByPair, intact].map(percent);
  return {
    group,
    right: { from: 0, to: right ?? 0 },
    byPair: { from: right ?? 0, to: byPair ?? 0 },
    lost: { from: byPair ?? 0, to: top ?? 0 },
    gained: { from: -percent(gained), to: 0 },
    after: {
      value: percent(intact) - dropPp,
      low: Math.max(percent(intact) - interval.high, 0),
      high: Math.min(percent(intact) - interval.low, 100),
    },
  };
}

/** As the run's table of effects names it. */
export function rowOf(group: Group, pair: boolean): Row {
  const { name, total, intact, lost, gained, onlyPair, dropPp, interval } = group;
  return {
    class: name,
    total,
    intact_correct: intact,
    lost,
    gained,
    ...(pair ? { only_pair: onlyPair } : {}),
    drop_pp: dropPp,
    drop_low_pp: interval.low,
    drop_high_pp: interval.high,
  };
}
