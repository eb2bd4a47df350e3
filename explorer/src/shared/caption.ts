// The words above a saved picture: its panel's title, what the panel says, and what it is about.

export interface Caption {
  readonly panel: string;
  readonly title: string;
  readonly says: string;
  /** What the numbers are about, in words. */
  readonly of: string;
}

export interface CaptionLine {
  readonly text: string;
  readonly kind: "title" | "says" | "of";
}

export const LINE = 18; // px, of a caption

const FONTS = { title: "600 14px", says: "13px", of: "12px" } as const;

export function fontOf(kind: CaptionLine["kind"]): string {
  return `${FONTS[kind]} system-ui, sans-serif`;
}

/** The caption in lines that are no wider than `width` pixels. */
export function captionLines({ title, says, of }: Caption, width: number): CaptionLine[] {
  const pen = document.createElement("canvas").getContext("2d");
  const texts = { title, says, of };
  return (["title", "says", "of"] as const).flatMap((kind) => {
    if (pen) pen.font = fontOf(kind);
    const widthOf = (text: string) => pen?.measureText(text).width ?? 7 * text.length;
    return wrapped(texts[kind], width, widthOf).map((text) => ({ text, kind }));
  });
}

/** A text in lines of whole words; a word that is too wide for any line stands alone. */
export function wrapped(text: string, width: number, widthOf: (text: string) => number): string[] {
  const lines: string[] = [];
  for (const word of text.split(/ +/).filter(Boolean)) {
    const last = lines.at(-1);
    const longer = last === undefined ? word : `${last} ${word}`;
    if (last !== undefined && widthOf(longer) <= width) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
}
