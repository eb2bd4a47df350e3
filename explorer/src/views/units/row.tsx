// The units of a site in a row: their incoming weights, or a plain strip, with their drops.
import { useCallback, useMemo, useRef } from "preact/hooks";
import { limitOf } from "../../model/limit";
import { scoreTitle } from "../../model/scores";
import { sorted, type UnitInfo } from "../../model/units";
import type { Row } from "../../page/blocks";
import type { Caption } from "../../shared/caption";
import { Choice } from "../../shared/choice";
import { sequential } from "../../shared/colours";
import { capital, count, fixed, withInterval } from "../../shared/numbers";
import { Panel } from "../../shared/panel";
import { theme } from "../../state/theme";
import { Legend } from "./legend";
import { type Patch, STRIP_TILES, saveMosaic, TILES } from "./mosaic";
import { orders } from "./order";
import { useRoving } from "./roving";
import { numberOf, Tile } from "./tile";
import "./units.css";
import { useChoice } from "../../state/usekey";

/** What is in the row, if each is not a unit that is ablated alone. */
export interface RowWords {
  /** "groups" */
  readonly many: string;
  /** The column of the CSV that numbers them. */
  readonly column: string;
  /** What is dead, and has the scores: "filter". */
  readonly own: string;
  /** How to read the row. */
  readonly help: string;
}

export interface UnitRowProps {
  readonly title: string;
  readonly units: readonly UnitInfo[];
  /** Counted from 0. */
  readonly chosen: readonly number[];
  readonly onChoose: (unit: number) => void;
  readonly words?: RowWords;
}

const KEYS =
  "With the keyboard: Tab goes to the row, arrows, Home and End along it, Enter chooses.";

const PICTURES =
  "Each unit with the drop of its own ablation in percentage points; point at it for its interval " +
  "and scores. A click ablates it, a click on a second one ablates both, a click on a chosen one " +
  `takes it back. ${KEYS} The pictures are the weights from each input, blue below 0 and red above, ` +
  "all on one scale that spans 99.8 % of the weights.";

const STRIP =
  "Each unit on the colour of its drop; point at it for the drop, its interval and scores. A click " +
  "chooses it, a second one takes it back.";

const DEAD_MARK = " ✕"; // in tiles that have no room for the word

const UNITS: RowWords = { many: "units", column: "unit", own: "", help: STRIP };

export function UnitRow({ title, units, chosen, onChoose, words = UNITS }: UnitRowProps) {
  const values = orders(units);
  const by = useChoice({ of: "sort", values });
  const ordered = useMemo(() => sorted(units, by), [units, by]);
  const { limit, most } = useMemo(() => scalesOf(units), [units]);
  const roving = useRoving<HTMLDivElement>(units.length);
  const choose = useStable(onChoose);
  const patch = (info: UnitInfo) => patchOf(info, limit, most);
  const plain = units.every(({ image }) => image === null);
  return (
    <Panel
      name="units"
      title={title}
      says={said(units, chosen, by, words)}
      help={plain ? `${words.help} ${KEYS}` : PICTURES}
      csv={() => ordered.map((info) => rowOf(info, words))}
      picture={{
        kind: "PNG",
        save: (caption) =>
          plain
            ? saveMosaic(withColours(caption, units, most), ordered.map(patch), STRIP_TILES)
            : saveMosaic(caption, ordered.map(patch), TILES),
      }}
    >
      <div class="choices">
        <Choice of="sort" label="Sorted by" values={values} />
      </div>
      <div
        ref={roving.place}
        class={plain ? "unit-strip" : "unit-row"}
        role="toolbar"
        aria-label={title}
        onKeyDown={roving.onKeyDown}
        onFocusCapture={roving.onFocus}
      >
        {ordered.map((info, i) => (
          <Tile
            key={info.unit}
            info={info}
            pressed={chosen.includes(info.unit)}
            stop={i === roving.now}
            limit={limit}
            most={most}
            own={words.own}
            onChoose={choose}
          />
        ))}
      </div>
      <Legend units={units} limit={limit} most={most} />
    </Panel>
  );
}

/** A function that stays the same, so that the units need not be drawn again, and calls the latest. */
function useStable(onChoose: (unit: number) => void): (unit: number) => void {
  const latest = useRef(onChoose);
  latest.current = onChoose;
  return useCallback((unit) => latest.current(unit), []);
}

/** The ends of the colour scales: of the weights, and of the drops in pp. */
function scalesOf(units: readonly UnitInfo[]) {
  const weights = units.flatMap(({ image }) => (image ? [...image.values] : []));
  const most = units.reduce((largest, { dropPp }) => Math.max(largest, dropPp), 0) || 1;
  return { limit: limitOf(weights), most };
}

/** The row in a sentence or two. */
function said(
  units: readonly UnitInfo[],
  chosen: readonly number[],
  by: string,
  { many }: RowWords,
): string {
  const worst = sorted(units, "drop")[0];
  if (!worst) return `There are no ${many}.`;
  const how = by === "index" ? "number" : by === "drop" ? "drop" : scoreTitle(by);
  const names = units.filter(({ unit }) => chosen.includes(unit)).map(({ name }) => name);
  return (
    `${count(units.length)} ${many}, sorted by ${how}. ${capital(worst.name)} costs most: ` +
    `${withInterval(worst.dropPp, worst.interval)}. ` +
    (names.length > 0 ? `Chosen: ${names.join(" and ")}.` : "None is chosen.")
  );
}

function patchOf(info: UnitInfo, limit: number, most: number): Patch {
  const ramp = sequential(theme.peek());
  return {
    above: `${numberOf(info)}${info.dead ? (info.image ? " (dead)" : DEAD_MARK) : ""}`,
    below: `${fixed(info.dropPp)} pp`,
    image: info.image,
    limit,
    colour: ramp.css(info.dropPp / most),
    ink: ramp.ink(info.dropPp / most),
  };
}

/** The caption with what the tiles without pictures show. */
function withColours(caption: Caption, units: readonly UnitInfo[], most: number): Caption {
  const dead = units.some((info) => info.dead) ? ` ${DEAD_MARK.trim()}: dead.` : "";
  const colour = `Colour: drop, from 0 or less to ${fixed(most)} pp.`;
  return { ...caption, says: `${caption.says} ${colour}${dead}` };
}

function rowOf({ unit, dropPp, interval, dead, scores }: UnitInfo, { column }: RowWords): Row {
  const { low, high } = interval;
  return { [column]: unit, drop_pp: dropPp, drop_low_pp: low, drop_high_pp: high, dead, ...scores };
}
