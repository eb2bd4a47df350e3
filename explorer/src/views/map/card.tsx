// One example, large, and what the networks say about it.
import { useLayoutEffect, useRef } from "preact/hooks";
import { palette } from "../../state/theme";
import type { Point, Size } from "./geometry";
import { cardPlace } from "./picking";
import { drawPicture, type Pictures } from "./pictures";
import type { Facts } from "./rows";

export interface CardProps {
  readonly facts: Facts;
  readonly pictures: Pictures | null;
  /** The example's place on the screen, and how far from it the card stays. */
  readonly at: Point;
  readonly gap: number;
  readonly size: Size;
}

export function Card({ facts, pictures, at, gap, size }: CardProps) {
  const home = useRef<HTMLDivElement>(null);
  const image = useRef<HTMLCanvasElement>(null);
  const { index, example, label, intact, ablated, entry } = facts;
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
    <div class="map-card" ref={home} aria-hidden="true" data-example={example}>
      {pictured && <canvas ref={image} />}
      <dl>
        <dt>example</dt>
        <dd>{example}</dd>
        <dt>label</dt>
        <dd>{label}</dd>
        <dt>intact</dt>
        <dd>{intact}</dd>
        {ablated !== null && <dt>ablated</dt>}
        {ablated !== null && <dd>{ablated}</dd>}
      </dl>
      <p>
        <span class="map-swatch" style={{ background: entry.colour }} /> {entry.word}
      </p>
    </div>
  );
}
