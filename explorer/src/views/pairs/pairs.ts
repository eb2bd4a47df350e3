// Pairs of units: what ablating both costs beyond the sum of their own drops.
import type { Interval } from "../../model/interval";
import { limitOf } from "../../model/limit";
import type { Cell, Row } from "../../page/blocks";
import { capital, count, fixed, pText, withInterval } from "../../shared/numbers";

export interface Pair {
  /** Counted from 0, ascending. */
  readonly units: readonly [number, number];
  readonly dropPp: number;
  readonly sumPp: number;
  readonly excessPp: number;
  /** 95 %, of the excess in pp. */
  readonly interval: Interval;
  readonly pAdjusted: number;
  /** Examples right after either single ablation and wrong after both. */
  readonly onlyPair: number;
  /** The class that loses the largest share so, and that share in %; of what is right when intact. */
  readonly worst: { readonly name: string; readonly percent: number };
  /** Its row in the table of ablations, in a report of outcomes. */
  readonly ablation?: string;
}

/** The pairs of one evaluation, from the table of interactions. */
export function pairsOf(rows: readonly Row[], evaluation: string): Pair[] {
  return rows.filter((row) => row.evaluation === evaluation).map(pairOf);
}

export function pairOf(row: Row): Pair {
  const [a, b] = [Number(row.unit_a), Number(row.unit_b)];
  return {
    units: a < b ? [a, b] : [b, a],
    dropPp: Number(row.drop_pp),
    sumPp: Number(row.sum_pp),
    excessPp: Number(row.excess_pp),
    interval: { low: Number(row.excess_low_pp), high: Number(row.excess_high_pp) },
    pAdjusted: row.p_adjusted === null ? Number.NaN : Number(row.p_adjusted),
    onlyPair: Number(row.only_pair),
    worst: { name: String(row.only_pair_class), percent: Number(row.only_pair_class_percent) },
    ...(row.ablation === undefined ? {} : { ablation: String(row.ablation) }),
  };
}

/** The address where the pair is shown. */
export function placeInPage(pair: Pair): Readonly<Record<string, string>> {
  const { ablation } = pair;
  return { view: "explore", ...(ablation === undefined ? { units: keyOf(pair) } : { ablation }) };
}

/** As the address and `data-pair` name it: "3,15". */
export function keyOf({ units }: Pair): string {
  return units.join(",");
}

export function significant({ pAdjusted }: Pair): boolean {
  return pAdjusted < 0.05;
}

/**
 * Where the colours end, pp: at the strongest excess or at 98 % of the pairs, whichever is more.
 *
 ** Two strong units share what they can lose; their large negative excess would wash out the rest.
 *
 * Source: lashley.figures.excess.
 */
export function limit(pairs: readonly Pair[]): number {
  const values = pairs.map(({ excessPp }) => excessPp);
  return Math.max(limitOf(values, 0.98), ...values);
}

/** Pairs by excess: "more" than the sum first, or "less". */
export function strongest(pairs: readonly Pair[], side: string, most = pairs.length): Pair[] {
  const sign = side === "less" ? 1 : -1;
  return [...pairs].sort((a, b) => sign * (a.excessPp - b.excessPp)).slice(0, most);
}

export interface Place {
  readonly row: number;
  readonly column: number;
}

/** A pair's place below the diagonal, units in the order given; units may be missing there. */
export function placeOf({ units: [a, b] }: Pair, order: readonly number[]): Place {
  const [first, second] = [order.indexOf(a), order.indexOf(b)];
  return { row: Math.max(first, second), column: Math.min(first, second) };
}

/** Where a key leads from a place below the diagonal of n units; null for other keys. */
export function moved(key: string, { row, column }: Place, n: number): Place | null {
  const to: Record<string, Place> = {
    ArrowLeft: { row, column: column - 1 },
    ArrowRight: { row, column: column + 1 },
    ArrowUp: { row: row - 1, column },
    ArrowDown: { row: row + 1, column },
    Home: { row, column: 0 },
    End: { row, column: row - 1 },
  };
  const next = to[key];
  if (!next) return null;
  const inside = next.column >= 0 && next.column < next.row && next.row < n;
  return inside ? next : { row, column };
}

/** A pair in words. `name` is that of both units: "units 4 and 16". */
export function described(pair: Pair, name: string): string {
  const { dropPp, sumPp, excessPp, interval, onlyPair } = pair;
  return (
    `${capital(name)}: drop ${fixed(dropPp)} pp, sum of both ${fixed(sumPp)} pp, ` +
    `excess ${withInterval(excessPp, interval)}, ${testText(pair)}, ` +
    `${count(onlyPair)} lost only by the pair`
  );
}

/**
 * All pairs in words: how many cost more than the sum, and less, by both criteria that one meets.
 *
 * The adjusted p marks the cells; the claims count intervals, which need no adjustment.
 */
export function summary(pairs: readonly Pair[], nameOf: (pair: Pair) => string): string {
  const sure = pairs.filter(significant);
  const more = sure.filter(({ excessPp }) => excessPp > 0).length;
  const above = pairs.filter(({ interval }) => interval.low > 0).length;
  const below = pairs.filter(({ interval }) => interval.high < 0).length;
  const best = strongest(pairs, "more", 1)[0];
  const claims = best?.ablation === undefined; // a report of outcomes has none
  return (
    `Of ${count(pairs.length)} pairs ${count(more)} cost more than the sum of their units and ` +
    `${count(sure.length - more)} less, by an adjusted p below 0.05; by the 95 % interval alone, ` +
    `${claims ? "as the claims count, " : ""}${count(above)} and ${count(below)}.` +
    (best ? ` Strongest: ${nameOf(best)}, ${withInterval(best.excessPp, best.interval)}.` : "")
  );
}

/** "adjusted p < 0.001". */
export function testText({ pAdjusted }: Pair): string {
  return Number.isNaN(pAdjusted) ? "no p" : `adjusted ${pText(pAdjusted)}`;
}

/** As the run's table names its columns. */
export function rowOf(pair: Pair): Record<string, Cell> {
  return {
    units: keyOf(pair),
    drop_pp: pair.dropPp,
    sum_pp: pair.sumPp,
    excess_pp: pair.excessPp,
    excess_low_pp: pair.interval.low,
    excess_high_pp: pair.interval.high,
    p_adjusted: pair.pAdjusted,
    only_pair: pair.onlyPair,
    only_pair_class: pair.worst.name,
    only_pair_class_percent: pair.worst.percent,
  };
}
