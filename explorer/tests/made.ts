// A sweep of given predictions, as a page carries it.
import { type Ablation, type Predictions, sweepOf, xored } from "../src/model/sweep";
import type { Evaluation } from "../src/page/report";

/** Args: `predictions` (ablation, example), not packed. */
export function sweepWith(
  evaluation: Evaluation,
  ablations: readonly Ablation[],
  intact: Predictions,
  predictions: Predictions,
) {
  return sweepOf(evaluation, ablations, intact, xored(predictions, intact));
}
