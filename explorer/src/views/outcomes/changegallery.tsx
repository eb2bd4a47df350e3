// Cards of examples by how much the ablation changes what was measured on them.
import { useMemo } from "preact/hooks";
import { ablationName } from "../../model/names";
import { several } from "../../shared/words";
import { useChoice } from "../../state/usekey";
import { usePictures } from "../map/usescene";
import { CARDS, Gallery } from "./gallery";
import { bySize } from "./order";
import { useSome } from "./some";
import { changeFacts, changeRows, type ToldChange } from "./toldchange";

const HELP =
  "The examples whole, in the order chosen. The class and the lasso on the map narrow them down.";
const VALUES = [
  ["most", "largest changes first"],
  ["rise", "largest rises first"],
  ["fall", "largest falls first"],
  ["least", "smallest changes first"],
  ["number", "in their order"],
] as const;

export function ChangeGallery({ told }: { readonly told: ToldChange }) {
  const { report, listed, changes } = told;
  const { some, of } = useSome(told);
  const { pictures } = usePictures(report.map.atlas);
  const wanted = useChoice({ of: CARDS, values: VALUES });
  const shown = useMemo(
    () => bySize(some ?? [...changes.keys()], changes, wanted),
    [some, changes, wanted],
  );
  const word = VALUES.find(([value]) => value === wanted)?.[1] ?? "";
  const name = ablationName(report, { ...listed, more: {} });
  return (
    <Gallery
      says={`${several(shown.length, "example")}${some === null ? "" : ` of ${of}`} after the ablation of ${name}, ${word}.`}
      help={HELP}
      some={shown}
      facts={(example) => changeFacts(told, example)}
      cards={told.cards}
      pictures={pictures}
      values={VALUES}
      csv={() => changeRows(told, shown)}
    />
  );
}
