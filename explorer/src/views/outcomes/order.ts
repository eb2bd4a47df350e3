// Which examples have cards, and in which order.
import { State } from "../../model/sweep";
import { STATE_KEYS } from "../map/scene";

const RANK: Readonly<Record<number, number>> = {
  [State.ONLY_PAIR]: 0,
  [State.LOST]: 1,
  [State.GAINED]: 2,
};

/** Those in the state asked for; of all, what is lost first. */
export function inTurn(some: readonly number[], states: Uint8Array, wanted: string): number[] {
  const rank = (i: number) => RANK[states[i] ?? -1] ?? 3;
  const fits = (i: number) => {
    if (wanted === "all") return true;
    if (wanted === "changed") return rank(i) < 3;
    return STATE_KEYS[states[i] as State] === wanted;
  };
  return some.filter(fits).sort((a, b) => rank(a) - rank(b) || a - b);
}

/** Examples in the order asked for; rises and falls alone, where these are asked for. */
export function bySize(some: readonly number[], changes: Float64Array, wanted: string): number[] {
  const change = (i: number) => changes[i] ?? 0;
  const size = (i: number) => Math.abs(change(i));
  const orders: Readonly<Record<string, (a: number, b: number) => number>> = {
    most: (a, b) => size(b) - size(a),
    least: (a, b) => size(a) - size(b),
    rise: (a, b) => change(b) - change(a),
    fall: (a, b) => change(a) - change(b),
  };
  const kept = some.filter((i) =>
    wanted === "rise" ? change(i) > 0 : wanted === "fall" ? change(i) < 0 : true,
  );
  const order = orders[wanted];
  return order ? kept.sort((a, b) => order(a, b) || a - b) : kept;
}
