// The points of the scatter: units with their place on both axes.
import { unitNumber } from "../../model/names";
import { scoreTitle } from "../../model/scores";
import type { Row } from "../../page/blocks";
import type { Report } from "../../page/report";
import { capital, fixed, withInterval } from "../../shared/numbers";
import { type Correlation, coefficientText } from "./coefficients";
import type { ScoredUnit } from "./units";

export interface Point extends ScoredUnit {
  readonly name: string;
  /** The score; the drop is the other axis. */
  readonly x: number;
  /** Whether the address names the unit. */
  readonly marked: boolean;
}

/** A point for each unit that has the score. */
export function pointsOf(
  report: Report,
  units: readonly ScoredUnit[],
  score: string,
  marked: readonly number[],
): Point[] {
  return units
    .map((unit) => ({
      ...unit,
      name: unitNumber(report, unit.unit),
      x: unit.scores[score] ?? Number.NaN,
      marked: marked.includes(unit.unit),
    }))
    .filter(({ x }) => Number.isFinite(x));
}

/** As in the CSV; units count from 0. */
export function rowOf({ unit, x, dropPp, interval, dead }: Point, score: string): Row {
  const { low, high } = interval;
  return { units: unit, [score]: x, drop_pp: dropPp, drop_low_pp: low, drop_high_pp: high, dead };
}

export function titleOf({ name, dropPp, interval, dead }: Point): string {
  return `Unit ${name}${dead ? " (dead)" : ""}: drop ${withInterval(dropPp, interval)}`;
}

export function scoreText(value: number): string {
  return value !== 0 && Math.abs(value) < 0.01
    ? value.toExponential(1).replace("-", "\u2212")
    : fixed(value, 3);
}

export function inWords(score: string, n: number, found: Correlation | undefined): string {
  const start = `${capital(scoreTitle(score))} against the drop in accuracy, over ${n} units.`;
  if (found === undefined) return start;
  const [one, other] = [coefficientText(found.pearson), coefficientText(found.spearman)];
  return `${start} Pearson ${one}. Spearman ${other}.`;
}
