// What the examples themselves are: texts, or numbers by name; pictures lie in the atlas.
import { type Cell, table } from "../page/blocks";
import type { OutcomesFacts, Report } from "../page/report";

/** An example as a card shows it, beside its picture. */
export interface ExampleCards {
  readonly kind: OutcomesFacts["cards"]["kind"];
  /** null: the examples are no texts. */
  text(example: number): string | null;
  /** Names and values; none where the examples are no table. */
  numbers(example: number): readonly (readonly [name: string, value: Cell])[];
  /** Columns of numbers, by which examples can be grouped. */
  readonly columns: readonly (readonly [name: string, values: ArrayLike<Cell>])[];
}

const NOTHING: Omit<ExampleCards, "kind"> = { text: () => null, numbers: () => [], columns: [] };

export async function loadCards({ cards }: Report): Promise<ExampleCards> {
  const kind = cards?.kind ?? "none";
  if (kind === "none" || kind === "images") return { ...NOTHING, kind };
  const found = await table("cards");
  if (kind === "texts") {
    const texts = found.column<string>("text");
    return { ...NOTHING, kind, text: (example) => texts[example] ?? "" };
  }
  const columns = found.names.map((name) => [name, found.column<Cell>(name)] as const);
  const numbers = (example: number) =>
    columns.map(([name, values]) => [name, values[example] ?? null] as const);
  return { ...NOTHING, kind, numbers, columns };
}
