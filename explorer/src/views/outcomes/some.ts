// Which examples the address narrows a view of changes down to.
import { useMemo } from "preact/hooks";
import { STEPS } from "../../model/changes";
import { classIn } from "../../state/chosen";
import { useKey } from "../../state/usekey";
import { inside, readLasso } from "../map/lasso";
import { marked, ofClass } from "../map/selection";
import type { ToldChange } from "./toldchange";

/** The examples of the class and in the lasso that the address asks for; null: all. */
export function useSome({ report, examples }: ToldChange) {
  const of = classIn(useKey("class"), report.classes.length);
  const lasso = useKey("lasso");
  return useMemo(() => {
    const polygon = readLasso(lasso);
    const { x, y } = examples;
    const own = ofClass(examples, of);
    const within = polygon && x && y ? inside(polygon, x, y) : null;
    const strong = own && within ? own.map((on, i) => on & (within[i] ?? 0)) : (own ?? within);
    const class_ = of === null ? "" : `class ${report.classes[of]}`;
    const words = [class_, within ? "the lasso" : ""].filter(Boolean).join(" in ");
    return {
      some: strong && marked(strong),
      strong,
      polygon,
      of: within && of === null ? "those in the lasso" : words,
    };
  }, [report, examples, of, lasso]);
}

/** The examples to step through by keyboard: the largest changes. */
export function extremes(states: Uint8Array, strong: Uint8Array | null): number[] {
  return [...states.keys()].filter(
    (i) => (states[i] === 0 || states[i] === STEPS - 1) && (strong === null || strong[i] === 1),
  );
}

/** How many examples are in each step; of some, or of all. */
export function countsOf(states: Uint8Array, some: readonly number[] | null): number[] {
  const found = Array<number>(STEPS).fill(0);
  for (const i of some ?? states.keys()) found[states[i] ?? 0]! += 1;
  return found;
}
