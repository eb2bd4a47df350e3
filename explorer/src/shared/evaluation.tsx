// Which evaluation is shown.
import type { Report } from "../page/report";
import { useChoice } from "../state/usekey";
import { Choice } from "./choice";

/** The name of the evaluation that the address asks for, else of the first. */
export function useEvaluation({ evaluations }: Report): string {
  return useChoice(optionsOf(evaluations));
}

/** Nothing if there is only one. */
export function EvaluationChoice({ report: { evaluations } }: { readonly report: Report }) {
  if (evaluations.length < 2) return null;
  return <Choice label="Measured on" {...optionsOf(evaluations)} />;
}

function optionsOf(evaluations: Report["evaluations"]) {
  return {
    of: "evaluation",
    values: evaluations.map(({ name, title }) => [name, title] as const),
  };
}
