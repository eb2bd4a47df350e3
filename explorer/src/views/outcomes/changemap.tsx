// The map of all examples, coloured by how much the ablation changes what was measured.
import { useMemo, useRef, useState } from "preact/hooks";
import { meanOf } from "../../model/changes";
import { ablationName } from "../../model/names";
import { captionLines } from "../../shared/caption";
import { Choice } from "../../shared/choice";
import { savePng } from "../../shared/download";
import { changeText, count } from "../../shared/numbers";
import { Panel } from "../../shared/panel";
import { several } from "../../shared/words";
import { set } from "../../state/fragment";
import { KEYS } from "../map/keyboard";
import { writeLasso } from "../map/lasso";
import { Legend } from "../map/legend";
import "../map/map.css";
import { namesOf } from "../map/names";
import { Plane } from "../map/plane";
import { captionWidth, type Shot, snapshot } from "../map/snapshot";
import { usePictures, useScene } from "../map/usescene";
import { countsOf, extremes, useSome } from "./some";
import { bottomUp } from "./steps";
import { changeFacts, changeRows, type ToldChange } from "./toldchange";

const HELP =
  "Every example stands at its place, in the colour of its change: blue where the ablation lowers " +
  "what was measured, red where it raises it, grey where it hardly moves; the steps are scaled to this ablation. Point at one, or tap it, " +
  "to see it. Wheel, pinch or double click bring the map nearer, dragging moves it. With Lasso, or " +
  "with Shift held down, one draws around examples: the sentence above then gives their mean change.";

export function ChangeMap({ told }: { readonly told: ToldChange }) {
  const { report, examples, states, entries, changes, measure, listed, cards } = told;
  const { some, strong, polygon, of } = useSome(told);
  const { pictures } = usePictures(report.map.atlas);
  const layered = useMemo(() => bottomUp(entries), [entries]);
  const scene = useScene({
    ...{ examples, states, strong, pictures },
    entries: layered,
    side: report.map.side,
  });
  const names = useMemo(() => namesOf(examples, report.classes), [examples, report.classes]);
  const steps = useMemo(() => extremes(states, strong), [states, strong]);
  const [lassoing, setLassoing] = useState(false);
  const shot = useRef<(() => Shot) | null>(null);
  const counted = useMemo(() => countsOf(states, some), [states, some]);
  const mean = meanOf(changes, some ?? changes.keys());
  const whose = some === null ? "all examples" : of;
  const says =
    `Without ${ablationName(report, { ...listed, more: {} })}, ${measure.name} of ${whose} ` +
    `(${count(mean.n)}) changes by ${changeText(mean.value, mean)} on average.`;
  return (
    <Panel
      name="map"
      title="The map"
      announced
      says={says}
      help={[HELP, KEYS, report.map.note].filter(Boolean).join(" ")}
      csv={() => changeRows(told, [...states.keys()])}
      picture={{
        kind: "PNG",
        save: (caption) => {
          const drawn = shot.current?.();
          if (drawn === undefined) return;
          const lines = entries.map(
            ({ colour, word, state }) =>
              [colour, `${word}: ${count(counted[state] ?? 0)}`] as const,
          );
          savePng(
            snapshot(drawn, captionLines(caption, captionWidth(drawn)), lines),
            caption.panel,
          );
        },
      }}
    >
      <MapControls
        classes={report.classes}
        lassoing={lassoing}
        onLassoing={setLassoing}
        selecting={polygon !== null}
      />
      {scene && (
        <Plane
          scene={scene}
          names={names}
          label={`Map. ${says}`}
          steps={steps}
          facts={(example) => changeFacts(told, example)}
          cards={cards}
          lasso={polygon}
          lassoing={lassoing}
          onLasso={(drawn) => {
            setLassoing(false);
            if (drawn) set({ lasso: writeLasso(drawn) });
          }}
          shot={shot}
        />
      )}
      <Legend
        entries={entries}
        counted={counted}
        of={some === null ? several(changes.length, "example") : several(some.length, "example")}
      />
    </Panel>
  );
}

interface MapControlsProps {
  readonly classes: readonly string[];
  readonly lassoing: boolean;
  readonly onLassoing: (on: boolean) => void;
  readonly selecting: boolean;
}

function MapControls({ classes, lassoing, onLassoing, selecting }: MapControlsProps) {
  return (
    <div class="choices">
      {classes.length > 0 && (
        <Choice
          of="class"
          label="Class"
          values={[["", "all classes"], ...classes.map((name, i) => [String(i), name] as const)]}
        />
      )}
      <button type="button" aria-pressed={lassoing} onClick={() => onLassoing(!lassoing)}>
        Lasso
      </button>
      {selecting && (
        <button type="button" onClick={() => set({ lasso: null })}>
          Clear selection
        </button>
      )}
    </div>
  );
}
