// What an ablation costs: lost and gained examples counted, and the drop with its interval.
import { type Interval, pairedInterval } from "./interval";
import { type Examples, State, type Sweep } from "./sweep";

/** An ablation summed up over some examples. */
export interface Effect {
  /** Right before and wrong after it; with what only the pair loses. */
  readonly lost: number;
  readonly gained: number;
  /** Right after either single ablation, wrong after the pair. */
  readonly onlyPair: number;
  /** Of these, what the intact network gets right. */
  readonly lostByPair: number;
  /** Examples that were measured. */
  readonly total: number;
  /** Of these, what the intact network gets right. */
  readonly intact: number;
  readonly dropPp: number;
  readonly interval: Interval;
}

/** The effect over all examples. */
export function effectOf(sweep: Sweep, examples: Examples, states: Uint8Array): Effect {
  return effectsOf(sweep, examples, states, 0).all;
}

/** The effect over all examples, and over those of each of so many classes. */
export function effectsOf(
  sweep: Sweep,
  { label }: Examples,
  states: Uint8Array,
  classes: number,
): { readonly all: Effect; readonly byClass: readonly Effect[] } {
  const all = nothing();
  const byClass = Array.from({ length: classes }, nothing);
  states.forEach((state, i) => {
    const right = sweep.intact[i] === label[i];
    add(all, state, right);
    const own = byClass[label[i] ?? -1];
    if (own) add(own, state, right);
  });
  return { all: summed(all), byClass: byClass.map(summed) };
}

type Counted = ReturnType<typeof nothing>;

function nothing() {
  return { lost: 0, gained: 0, onlyPair: 0, lostByPair: 0, total: 0, intact: 0 };
}

function add(counted: Counted, state: number, right: boolean): void {
  if (state === State.MISSING) return;
  const still = state === State.RIGHT || state === State.GAINED;
  const byPair = state === State.ONLY_PAIR;
  counted.total += 1;
  counted.intact += Number(right);
  counted.lost += Number(right && !still);
  counted.gained += Number(!right && still);
  counted.onlyPair += Number(byPair);
  counted.lostByPair += Number(byPair && right);
}

function summed(counted: Counted): Effect {
  const { lost, gained, total } = counted;
  const { low, high } = pairedInterval(lost, gained, total);
  const dropPp = total > 0 ? (100 * (lost - gained)) / total : 0;
  return { ...counted, dropPp, interval: { low: 100 * low, high: 100 * high } };
}
