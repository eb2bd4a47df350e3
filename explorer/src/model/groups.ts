// The groups of one layer: which filters go together, and what each group costs.
import type { Table } from "../page/blocks";
import { number, numberAt, rowAt, where } from "./columns";
import { type Ablation, ablationFrom } from "./sweep";
import type { Setting, Tables } from "./tables";
import type { UnitInfo } from "./units";

export type Design = "similar_groups" | "random_groups";

/** One group's cost, in the accuracy chosen. */
export interface Group {
  /** Its row in the table of groups. */
  readonly at: number;
  readonly design: Design;
  /** The anchor of a similar group; the number of a random one. */
  readonly number: number;
  readonly drop: number;
  readonly low: number;
  readonly high: number;
  /** How many examples it was measured on. */
  readonly total: number;
  /** Its row in the outcomes by example; -1 where the page does not carry them. */
  readonly row: number;
}

/** The groups of one layer and setting, by the number of the anchor or of the draw. */
export function groupsOf(
  { groups }: Tables,
  site: string,
  { method, proportion, top }: Setting,
  design: Design,
): Group[] {
  const rows = where(groups, { site, method, proportion, design });
  const [drop, low, high] = COSTS.map((name) => groups.column<number>(columnOf(name, top)));
  const numbers = groups.column<number>(design === "similar_groups" ? "anchor" : "draw");
  const found = rows.map((at) => ({
    at,
    design,
    number: numbers[at] ?? -1,
    drop: number(drop?.[at]),
    low: number(low?.[at]),
    high: number(high?.[at]),
    total: numberAt(groups, "total", at),
    row: numberAt(groups, "row", at),
  }));
  return found.sort((a, b) => a.number - b.number);
}

const COSTS = ["drop_pp", "drop_low_pp", "drop_high_pp"] as const;

/** Of a cost in top-1 or top-5 accuracy. */
export function columnOf(name: string, top: number): string {
  return top === 1 ? name : `top${top}_${name}`;
}

/** The group that the address chooses among those of the open layer. */
export function chosenGroup(
  { group, draw }: { readonly group: number | null; readonly draw: number | null },
  similar: readonly Group[],
  random: readonly Group[],
): Group | null {
  const drawn = random.find(({ number }) => number === draw);
  return drawn ?? similar.find(({ number }) => number === group) ?? null;
}

/** A group as an ablation; its row leads to its outcomes by example, where the page carries them. */
export function ablationOf(groups: Table, { at, row }: Group): Ablation {
  const { row: _, ...found } = rowAt(groups, at);
  return ablationFrom(found, row);
}

/** The layer's filters, each with the cost of its group. */
export function unitsOfLayer(
  { constants }: Tables,
  site: string,
  similar: readonly Group[],
): UnitInfo[] {
  const held = new Map(
    where(constants, { site }).map((row) => [
      numberAt(constants, "unit", row),
      {
        constant: numberAt(constants, "constant", row),
        mean_activation: numberAt(constants, "mean_activation", row),
      },
    ]),
  );
  return similar.map(({ number: unit, drop, low, high }) => {
    const scores = held.get(unit);
    return {
      unit,
      name: `group of filter ${unit}`,
      number: String(unit),
      dropPp: drop,
      interval: { low, high },
      dead: scores?.constant === 0 && scores.mean_activation === 0,
      image: null,
      scores: scores ?? {},
    };
  });
}

/** Of the groups whose outcomes by example the page carries, the one with the nearest drop. */
export function nearestCarried(similar: readonly Group[], to: Group): Group | null {
  const carried = similar.filter(({ row }) => row >= 0);
  const away = ({ drop }: Group) => Math.abs(drop - to.drop);
  return carried.reduce<Group | null>(
    (best, each) => (best === null || away(each) < away(best) ? each : best),
    null,
  );
}
