// The rows behind the curves, as tables and as CSV.
import type { Row } from "../../page/blocks";
import { withInterval } from "../../shared/numbers";
import { percent } from "../../shared/words";
import type { Step } from "./iterated";
import { startName } from "./look";
import type { Estimate } from "./runs";

export const EPOCH_COLUMNS = [
  ["start", "start"],
  ["instance", "instance"],
  ["iteration", "iteration"],
  ["ablated", "units ablated"],
  ["epoch", "epoch"],
  ["total_epoch", "epoch in all"],
  ["accuracy_percent", "accuracy (%)"],
  ["drop_pp", "drop (pp)"],
  ["drop_low_pp", "from"],
  ["drop_high_pp", "to"],
  ["ended", "ended by"],
] as const;

/** Rows with the starts in words. */
export function startsNamed(rows: readonly Row[]): Row[] {
  return rows.map((row) => ({ ...row, start: startName(String(row.start)) }));
}

export const STEP_COLUMNS = [
  ["share", "ablated so far"],
  ["epochs", "epochs"],
  ["before", "drop right after (pp)"],
  ["after", "drop recovered (pp)"],
  ["control", "intact, trained as long (pp)"],
] as const;

/** A row per iteration, in words. */
export function stepRows(steps: readonly Step[]): Row[] {
  return steps.map(({ share, ablated, before, after, control }) => ({
    share: `${percent(Math.round(1000 * share) / 1000)} (${ablated})`,
    epochs: after.epoch,
    before: told(before.drop),
    after: told(after.drop),
    control: control ? told(control.drop) : null,
  }));
}

function told({ value, low, high }: Estimate): string {
  return withInterval(value, { low, high }, "");
}
