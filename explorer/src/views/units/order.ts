// Units in order, and which are chosen after a click.
import { DEAD_WORDS, scoreTitle } from "../../model/scores";
import type { UnitInfo } from "../../model/units";
import { fixed, withInterval } from "../../shared/numbers";

/** What units can be sorted by: their number, the drop, any score. */
export function orders(units: readonly UnitInfo[]): (readonly [value: string, title: string])[] {
  const scores = [...new Set(units.flatMap(({ scores }) => Object.keys(scores)))];
  return [
    ["index", "number"],
    ["drop", "drop"],
    ...scores.map((name) => [name, scoreTitle(name)] as const),
  ];
}

/**
 * The units chosen after a click, ascending: one, then a pair; a third starts anew, and a click on
 * a chosen unit takes it away. A pair that was not carried out leaves the unit clicked last.
 */
export function chosenAfter(
  before: readonly number[],
  unit: number,
  carriedOut: (pair: readonly number[]) => boolean,
): number[] {
  if (before.includes(unit)) return before.filter((each) => each !== unit);
  const pair = [...before, unit].sort((a, b) => a - b);
  return before.length === 1 && carriedOut(pair) ? pair : [unit];
}

/**
 * Where an arrow key, Home or End leads in a grid read row by row; null for other keys.
 *
 * The first and the last stay where they are.
 */
export function stepped(key: string, now: number, length: number, columns: number): number | null {
  const steps: Record<string, number> = {
    ArrowLeft: now - 1,
    ArrowRight: now + 1,
    ArrowUp: now - columns,
    ArrowDown: now + columns,
    Home: 0,
    End: length - 1,
  };
  const next = steps[key];
  if (next === undefined) return null;
  return next >= 0 && next < length ? next : now;
}

/** A unit in words: name, drop with interval, whether it is dead, its scores; `own`: whose they are. */
export function described(info: UnitInfo, own = ""): string {
  const { name, dropPp, interval, dead, scores } = info;
  const whose = own ? `${own} ` : "";
  const parts = [
    `${name}: drop ${withInterval(dropPp, interval)}`,
    ...(dead ? [`${whose}dead: ${DEAD_WORDS}`] : []),
    ...Object.entries(scores).map(
      ([score, value]) => `${whose}${scoreTitle(score)} ${short(value)}`,
    ),
  ];
  return parts.join("\n");
}

function short(value: number): string {
  if (Number.isNaN(value)) return "unknown";
  return value !== 0 && Math.abs(value) < 0.001 ? value.toExponential(1) : fixed(value, 3);
}
