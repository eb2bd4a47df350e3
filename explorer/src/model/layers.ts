// What the view of the layers shows: its tables, and outcomes by example.
import { table, tensor } from "../page/blocks";
import type { Evaluation, Report } from "../page/report";
import { loadExamples, type Predictions, sweepOf } from "./sweep";
import { tablesOf } from "./tables";

/** Everything that the view shows. */
export type Layers = Awaited<ReturnType<typeof read>>;

const kept = new Map<string, Promise<Layers>>();

/** The layers as the first evaluation measured them; read once. */
export async function loadLayers(report: Report): Promise<Layers> {
  const evaluation = report.evaluations[0];
  if (evaluation === undefined) throw new Error("this report has no evaluation");
  const found = kept.get(evaluation.name) ?? read(evaluation);
  kept.set(evaluation.name, found);
  return found;
}

async function read(evaluation: Evaluation) {
  const [layers, classes, groups, constants, examples, packed, intact] = await Promise.all([
    table("layers"),
    table("classes"),
    table(`ablations-${evaluation.name}`),
    table("constants"),
    loadExamples(),
    tensor<Predictions>(`predictions-${evaluation.name}`),
    tensor<Predictions>(`intact-${evaluation.name}`),
  ]);
  const tables = tablesOf(layers, classes, groups, constants);
  // no ablations listed: there may be tens of thousands, and the view makes those of the open layer
  return { tables, examples, sweep: sweepOf(evaluation, [], intact.values, packed.values) };
}
