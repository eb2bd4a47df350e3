// How far the training moved each module, and what undoing that costs.
import { mean, number } from "../../model/columns";
import type { Cell, Row } from "../../page/blocks";

export interface Moved {
  readonly module: string;
  readonly label: string;
  readonly ablated: boolean;
  /** Of each run: norm of the difference / norm before the training, %. */
  readonly changes: readonly number[];
  /** Of each run: drop when the module alone goes back to what it was, pp. */
  readonly undone: readonly number[];
  /** Means over the runs; of `low` and `high` of the ends of their intervals. */
  readonly change: number;
  readonly drop: number;
  readonly low: number;
  readonly high: number;
  /** The same for the intact network, trained as long as the iterations; NaN if it was not. */
  readonly controlChange: number;
  readonly controlDrop: number;
}

/** A layer's trained modules in forward order: of its instances, or else of its iterations. */
export function moved(rows: readonly Row[], site: string): Moved[] {
  const own = rows.filter((row) => row.site === site);
  const ablated = own.filter(({ start }) => start === "ablated");
  const instances = ablated.filter(({ experiment }) => experiment === "instances");
  const runs = instances.length > 0 ? instances : ablated;
  const control = own.filter(({ start }) => start === "intact");
  const order = [...runs].sort((a, b) => number(a.position) - number(b.position));
  const modules = [...new Set(order.map(({ module }) => module))];
  return modules.map((module) => movedModule(module, site, order, control));
}

function movedModule(
  module: Cell | undefined,
  site: string,
  runs: readonly Row[],
  control: readonly Row[],
): Moved {
  const of = runs.filter((row) => row.module === module);
  const held = control.find((row) => row.module === module);
  const column = (name: string) => of.map((row) => number(row[name]));
  const changes = column("change").map((share) => 100 * share);
  const undone = column("undone_pp");
  return {
    module: String(module),
    label: String(of[0]?.module_label),
    ablated: module === site,
    changes,
    undone,
    change: mean(changes),
    drop: mean(undone),
    low: mean(column("undone_low_pp")),
    high: mean(column("undone_high_pp")),
    controlChange: 100 * number(held?.change),
    controlDrop: number(held?.undone_pp),
  };
}
