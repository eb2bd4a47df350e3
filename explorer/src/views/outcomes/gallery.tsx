// Cards of examples: each whole, with what the networks say of it.
import { useLayoutEffect, useRef } from "preact/hooks";
import type { ExampleCards } from "../../model/cards";
import type { Row } from "../../page/blocks";
import { Choice } from "../../shared/choice";
import { Content } from "../../shared/content";
import { count } from "../../shared/numbers";
import { Panel } from "../../shared/panel";
import { several } from "../../shared/words";
import { wholeIn } from "../../state/chosen";
import { set } from "../../state/fragment";
import { palette } from "../../state/theme";
import { useKey } from "../../state/usekey";
import { drawPicture, type Pictures } from "../map/pictures";
import type { Facts } from "../map/rows";

export interface GalleryProps {
  /** Which examples the cards are of, in a sentence. */
  readonly says: string;
  readonly help: string;
  /** The examples, in order. */
  readonly some: readonly number[];
  readonly facts: (example: number) => Facts;
  readonly cards: ExampleCards;
  readonly pictures: Pictures | null;
  readonly values: readonly (readonly [value: string, title: string])[];
  readonly csv: () => readonly Row[];
}

/** The key of the address that says which examples are shown. */
export const CARDS = "cards";
const STEP = 24;

export function Gallery({ says, help, some, facts, cards, pictures, values, csv }: GalleryProps) {
  const most = wholeIn(useKey("many")) ?? STEP;
  const shown = some.slice(0, most);
  const rest = some.length - shown.length;
  return (
    <Panel name="examples" title="Examples" says={says} help={help} csv={csv}>
      <div class="choices">
        <Choice of={CARDS} label="Show" values={values} />
      </div>
      {shown.length === 0 && <p class="note">There is no such example.</p>}
      <ul class={`gallery gallery-${cards.kind}`}>
        {shown.map((example) => (
          <ExampleCard key={example} facts={facts(example)} cards={cards} pictures={pictures} />
        ))}
      </ul>
      {rest > 0 && (
        <button type="button" onClick={() => set({ many: String(most + STEP) }, true)}>
          {rest > STEP
            ? `Show ${STEP} more; ${count(rest)} are left`
            : `Show the last ${several(rest, "example")}`}
        </button>
      )}
    </Panel>
  );
}

interface ExampleCardProps {
  readonly facts: Facts;
  readonly cards: ExampleCards;
  readonly pictures: Pictures | null;
}

function ExampleCard({ facts, cards, pictures }: ExampleCardProps) {
  const { index, example, lines, head, entry } = facts;
  return (
    <li class="gallery-card" data-card={example} style={{ borderLeftColor: entry.colour }}>
      {pictures !== null && index < pictures.count && <Picture of={pictures} index={index} />}
      <Content cards={cards} index={index} />
      <p class="gallery-facts">
        <span class="map-swatch" style={{ background: entry.colour }} />
        <b>{head ?? entry.word}</b>
      </p>
      <dl class="gallery-lines">
        {[["example", count(example)] as const, ...lines].flatMap(([name, value]) => [
          <dt key={`${name}, name`}>{name}</dt>,
          <dd key={name}>{value}</dd>,
        ])}
      </dl>
    </li>
  );
}

function Picture({ of, index }: { readonly of: Pictures; readonly index: number }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const { ink } = palette.value;
  useLayoutEffect(() => {
    if (canvas.current) drawPicture(canvas.current, of, index, ink);
  }, [of, index, ink]);
  return <canvas ref={canvas} aria-label="the example's picture" role="img" />;
}
