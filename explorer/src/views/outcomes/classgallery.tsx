// Cards of the examples of a classification, by what became of them.
import { useMemo } from "preact/hooks";
import type { ExampleCards } from "../../model/cards";
import { ablationName } from "../../model/names";
import type { Ablation, Examples, Sweep } from "../../model/sweep";
import type { Report } from "../../page/report";
import { several } from "../../shared/words";
import { classIn } from "../../state/chosen";
import { palette } from "../../state/theme";
import { useChoice, useKey } from "../../state/usekey";
import { factsOf, rowsOf } from "../map/rows";
import { entriesOf } from "../map/scene";
import { marked, selected } from "../map/selection";
import { usePictures } from "../map/usescene";
import { CARDS, Gallery } from "./gallery";
import { inTurn } from "./order";

export interface ClassGalleryProps {
  readonly report: Report;
  readonly examples: Examples;
  readonly sweep: Sweep;
  readonly ablation: Ablation;
  readonly states: Uint8Array;
  readonly cards: ExampleCards;
}

const HELP =
  "The examples whole, first those that the ablation loses. The class chosen above and the lasso on " +
  "the map narrow them down.";

export function ClassGallery({ cards, ...shown }: ClassGalleryProps) {
  const { report, examples, ablation, states } = shown;
  const colours = palette.value;
  const entries = useMemo(() => entriesOf(ablation, states, colours), [ablation, states, colours]);
  const told = { ...shown, entries };
  const { pictures } = usePictures(report.map.atlas);
  const of = classIn(useKey("class"), report.classes.length);
  const lasso = useKey("lasso");
  const values = [
    ["changed", "what changed"] as const,
    ...[...entries].reverse().map(({ key, word }) => [key, word] as const),
    ["all", "all"] as const,
  ];
  const wanted = useChoice({ of: CARDS, values });
  const some = useMemo(() => {
    const mask = selected(examples, states, entries, { of, lasso, select: "all" });
    const own = mask === null ? [...states.keys()] : marked(mask);
    return inTurn(own, states, wanted);
  }, [examples, states, entries, of, lasso, wanted]);
  const within = [
    of === null ? "" : ` of class ${report.classes[of]}`,
    lasso ? " in the lasso" : "",
  ];
  const word = values.find(([value]) => value === wanted)?.[1] ?? "";
  return (
    <Gallery
      says={`${several(some.length, "example")}${within.join("")} after the ablation of ${ablationName(report, ablation)}: ${word}.`}
      help={HELP}
      some={some}
      facts={(example) => factsOf(told, example)}
      cards={cards}
      pictures={pictures}
      values={values}
      csv={() => {
        const mask = new Uint8Array(examples.length);
        for (const i of some) mask[i] = 1;
        return rowsOf(told, mask);
      }}
    />
  );
}
