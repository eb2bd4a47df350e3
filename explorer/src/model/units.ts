// Units as the views list them.
import type { Interval } from "./interval";

/** Numbers as a picture, row-major. */
export interface Image {
  readonly values: Float32Array;
  readonly width: number;
  readonly height: number;
}

/** A unit, or a group of filters, and what its ablation costs. */
export interface UnitInfo {
  /** Counted from 0. */
  readonly unit: number;
  /** Its name in a sentence: "unit 12". */
  readonly name: string;
  /** What its button shows, where it is not `unit`: the number as the reader counts. */
  readonly number?: string;
  readonly dropPp: number;
  /** 95 %, of the drop in pp. */
  readonly interval: Interval;
  readonly dead: boolean;
  /** Incoming weights; null: a plain strip. */
  readonly image: Image | null;
  readonly scores: Readonly<Record<string, number>>;
}

/** By number upwards, by anything else downwards; what has no value comes last. */
export function sorted(units: readonly UnitInfo[], by: string): UnitInfo[] {
  if (by === "index") return [...units].sort((a, b) => a.unit - b.unit);
  const value = ({ dropPp, scores }: UnitInfo) => {
    const found = by === "drop" ? dropPp : scores[by];
    return found === undefined || Number.isNaN(found) ? Number.NEGATIVE_INFINITY : found;
  };
  return [...units].sort((a, b) => (value(b) === value(a) ? a.unit - b.unit : value(b) - value(a)));
}
