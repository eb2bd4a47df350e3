// The units of the network under study: what each scores, and what its ablation costs.
import { number } from "../../model/columns";
import type { Interval } from "../../model/interval";
import { isDead } from "../../model/scores";
import type { Row } from "../../page/blocks";

export interface ScoredUnit {
  /** Counted from 0. */
  readonly unit: number;
  readonly dropPp: number;
  readonly interval: Interval;
  /** It fires on less than 0.5 % of the examples, as in the claims. */
  readonly dead: boolean;
  /** By name; NaN where there is none. */
  readonly scores: Readonly<Record<string, number>>;
}

/** The units of the network under study with their drops in one evaluation, by number. */
export function scoredUnits(
  scores: readonly Row[],
  effects: readonly Row[],
  evaluation: string,
): ScoredUnit[] {
  const singles = effects.filter(
    (row) =>
      row.network === "main" &&
      row.evaluation === evaluation &&
      row.design === "singles" &&
      row.class === "all",
  );
  const drops = new Map(singles.map((row) => [String(row.units), row]));
  return scores
    .filter((row) => row.network === "main" && drops.has(String(row.unit)))
    .map((row) => withDrop(row, drops.get(String(row.unit)) ?? {}))
    .sort((a, b) => a.unit - b.unit);
}

function withDrop(row: Row, drop: Row): ScoredUnit {
  return {
    unit: number(row.unit),
    dropPp: number(drop.drop_pp),
    interval: { low: number(drop.drop_low_pp), high: number(drop.drop_high_pp) },
    dead: isDead(row.firing_share),
    scores: Object.fromEntries(Object.entries(row).map(([name, cell]) => [name, number(cell)])),
  };
}
