// One example, large, and what the networks say about it.
import { useLayoutEffect, useRef } from "preact/hooks";
import type { ExampleCards } from "../../model/cards";
import { Content } from "../../shared/content";
import { palette } from "../../state/theme";
import type { Point, Size } from "./geometry";
import { cardPlace } from "./picking";
import { drawPicture, type Pictures } from "./pictures";
import type { Facts } from "./rows";

export interface CardProps {
  readonly facts: Facts;
  readonly pictures: Pictures | null;
  readonly cards?: ExampleCards | undefined;
  /** The example's place on the screen, and how far from it the card stays. */
  readonly at: Point;
  readonly gap: number;
  readonly size: Size;
}

export function Card({ facts, pictures, cards, at, gap, size }: CardProps) {
  const home = useRef<HTMLDivElement>(null);
  const image = useRef<HTMLCanvasElement>(null);
  const { index, example, lines, head, entry } = facts;
  const pictured = pictures !== null && index < pictures.count;
  const { ink } = palette.value;
  useLayoutEffect(() => {
    if (image.current && pictures) drawPicture(image.current, pictures, index, ink);
  }, [pictures, index, ink, pictured]);
  useLayoutEffect(() => {
    const card = home.current;
    if (card === null) return;
    const own = { width: card.offsetWidth, height: card.offsetHeight };
    const { left, top } = cardPlace(at, own, size, gap);
    card.style.transform = `translate(${Math.round(left)}px, ${Math.round(top)}px)`;
  });
  return (
    <div
      class={`map-card ${cards?.kind === "texts" || cards?.kind === "numbers" ? "map-card-wide" : ""}`}
      ref={home}
      aria-hidden="true"
      data-example={example}
    >
      {pictured && <canvas ref={image} />}
      {cards && <Content cards={cards} index={index} brief />}
      <dl>
        <dt>example</dt>
        <dd>{example}</dd>
        {lines.flatMap(([name, value]) => [
          <dt key={`${name}, name`}>{name}</dt>,
          <dd key={name}>{value}</dd>,
        ])}
      </dl>
      <p>
        <span class="map-swatch" style={{ background: entry.colour }} /> {head ?? entry.word}
      </p>
    </div>
  );
}
