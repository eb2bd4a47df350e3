// What the view of the layers shows: its tables, and outcomes by example.
import { table } from "../page/blocks";
import { keptByName } from "../page/once";
import type { Evaluation, Report } from "../page/report";
import { loadExamples, loadOutcomes } from "./sweep";
import { tablesOf } from "./tables";

/** Everything that the view shows. */
export type Layers = Awaited<ReturnType<typeof read>>;

const kept = keptByName<Layers>();

/** The layers as the first evaluation measured them. */
export async function loadLayers(report: Report): Promise<Layers> {
  const evaluation = report.evaluations[0];
  if (evaluation === undefined) throw new Error("this report has no evaluation");
  return kept(evaluation.name, () => read(evaluation));
}

async function read(evaluation: Evaluation) {
  const [layers, classes, groups, constants, examples, make] = await Promise.all([
    table("layers"),
    table("classes"),
    table(`ablations-${evaluation.name}`),
    table("constants"),
    loadExamples(),
    loadOutcomes(evaluation),
  ]);
  const tables = tablesOf(layers, classes, groups, constants);
  // no ablations listed: there may be tens of thousands, and the view makes those of the open layer
  return { tables, examples, sweep: make([]) };
}
