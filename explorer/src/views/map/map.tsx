// The map: all examples at their places, coloured by what became of them.
import { useMemo, useRef, useState } from "preact/hooks";
import type { ExampleCards } from "../../model/cards";
import type { Ablation, Examples, Sweep } from "../../model/sweep";
import type { Report } from "../../page/report";
import { type Caption, captionLines } from "../../shared/caption";
import { savePng } from "../../shared/download";
import { count } from "../../shared/numbers";
import { Panel } from "../../shared/panel";
import { set } from "../../state/fragment";
import { Controls } from "./controls";
import { KEYS } from "./keyboard";
import { type Polygon, writeLasso } from "./lasso";
import { Legend } from "./legend";
import "./map.css";
import { NeedPanel } from "./needpanel";
import { Plane } from "./plane";
import { factsOf, rowsOf } from "./rows";
import { changed } from "./scene";
import { marked } from "./selection";
import { captionWidth, type Shot, snapshot } from "./snapshot";
import { usePictures, useScene } from "./usescene";
import { type Shown, useShown } from "./useshown";
import { selectedWords } from "./words";

export interface MapProps {
  readonly report: Report;
  readonly examples: Examples;
  readonly sweep: Sweep;
  /** Null: the intact network. */
  readonly ablation: Ablation | null;
  /** (example,) of statesOf or intactStates. */
  readonly states: Uint8Array;
  /** What the selected examples are asked about: the single ablations, or the groups of a layer. */
  readonly candidates: readonly Ablation[];
  readonly onChoose: (ablation: Ablation) => void;
  readonly cards?: ExampleCards | undefined;
}

const HELP =
  "Every example is at its place on the map, as a dot from afar and as its picture from near, in " +
  "the colour of what the ablation did to it. Point at one, or tap it, to see it large. Wheel, pinch " +
  "or double click bring the map nearer, dragging moves it. With Lasso, or with Shift held down, you " +
  "draw around examples; by keyboard, select them by class and state. What the selected examples " +
  "need is shown below the map.";

export function MapPanel(props: MapProps) {
  const { report, examples, states, ablation, candidates, cards, onChoose } = props;
  const { map } = report;
  const shown = useShown(props);
  const { told, some, strong, counted, says, note, names, lasso } = shown;
  const { pictures, trouble } = usePictures(map.atlas);
  const { entries } = told;
  const scene = useScene({ examples, states, entries, strong, pictures, side: map.side });
  const steps = useMemo(() => changed(states, ablation, strong), [states, ablation, strong]);
  const [lassoing, setLassoing] = useState(false);
  const shot = useRef<(() => Shot) | null>(null);
  const drawn = (polygon: Polygon | null) => {
    setLassoing(false);
    if (polygon) set({ lasso: writeLasso(polygon) });
  };
  return (
    <>
      <Panel
        name="map"
        title="The map"
        announced
        says={says}
        help={[HELP, KEYS, map.note].filter(Boolean).join(" ")}
        csv={() => rowsOf(told, null)}
        picture={
          scene ? { kind: "PNG", save: (of) => savePicture(shot.current, shown, of) } : undefined
        }
      >
        <Controls
          classes={report.classes}
          entries={told.entries}
          lassoing={scene === null ? null : lassoing}
          onLassoing={setLassoing}
          selecting={some !== null}
        />
        {scene ? (
          <Plane
            scene={scene}
            names={names}
            label={`Map. ${says}`}
            steps={steps}
            facts={(example) => factsOf(told, example)}
            cards={cards}
            lasso={lasso}
            lassoing={lassoing}
            onLasso={drawn}
            shot={shot}
          />
        ) : (
          <p class="note map-absent">
            There is no map. {map.absent || "This run kept no places of its examples."}
          </p>
        )}
        <Legend entries={told.entries} counted={counted} of={shown.of} />
        {note && <p class="note">{note}</p>}
        {scene && trouble && (cards?.kind ?? "images") === "images" && (
          <p class="note">{trouble}</p>
        )}
      </Panel>
      {some && <NeedPanel told={told} some={some} candidates={candidates} onChoose={onChoose} />}
    </>
  );
}

function savePicture(draw: (() => Shot) | null, { told, some, counted }: Shown, of: Caption): void {
  if (draw === null) return;
  const shot = draw();
  const says = some ? `${of.says} ${selectedWords(marked(some).length)}.` : of.says;
  const legend = told.entries.map(
    ({ colour, word, state }) => [colour, `${word}: ${count(counted[state]!)}`] as const,
  );
  savePng(snapshot(shot, captionLines({ ...of, says }, captionWidth(shot)), legend), of.panel);
}
