// Rows that contain a text, anywhere and in any case.
import type { Row } from "../../page/blocks";

/** A table made ready to be searched while the reader types. */
export function searchable(rows: readonly Row[]): (text: string) => readonly Row[] {
  const texts = rows.map((row) => Object.values(row).map(String).join("\n").toLowerCase());
  return (text) => {
    const wanted = text.trim().toLowerCase();
    return wanted === "" ? rows : rows.filter((_, i) => texts[i]?.includes(wanted));
  };
}
