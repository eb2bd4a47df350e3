// What an example is: its text, or its numbers by name.
import type { ExampleCards } from "../model/cards";
import { cellText, short } from "./numbers";
import "./content.css";

export interface ContentProps {
  readonly cards: ExampleCards;
  readonly index: number;
  /** Whether only the beginning has room. */
  readonly brief?: boolean;
}

const BRIEF = { characters: 240, numbers: 8 };

export function Content({ cards, index, brief = false }: ContentProps) {
  const text = cards.text(index);
  if (text !== null) return <p class="content-text">{brief ? beginning(text) : text}</p>;
  const all = cards.numbers(index);
  if (all.length === 0) return null;
  const shown = brief ? all.slice(0, BRIEF.numbers) : all;
  return (
    <dl class="content-numbers">
      {shown.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{typeof value === "number" ? short(value) : cellText(value)}</dd>
        </div>
      ))}
      {shown.length < all.length && (
        <div>
          <dt>{all.length - shown.length} more</dt>
          <dd />
        </div>
      )}
    </dl>
  );
}

function beginning(text: string): string {
  return text.length <= BRIEF.characters ? text : `${text.slice(0, BRIEF.characters)}…`;
}
