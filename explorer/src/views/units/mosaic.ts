// Pictures of units side by side in one file, for a download.
import type { Image } from "../../model/units";
import { type Caption, captionLines, fontOf, LINE } from "../../shared/caption";
import { diverging } from "../../shared/colours";
import { savePng } from "../../shared/download";
import { palette, theme } from "../../state/theme";
import { painted } from "./weightimage";

/** A picture with a line of text above and below, or a plain colour with one of them on it. */
export interface Patch {
  readonly above: string;
  readonly below: string;
  readonly image: Image | null;
  /** Of the weights' colours. */
  readonly limit: number;
  /** If there is no image; and of the text on it. */
  readonly colour: string;
  readonly ink: string;
}

/** How patches are laid out, in pixels; `text` is a line's height. */
export interface Tiles {
  readonly columns: number;
  readonly width: number;
  readonly height: number;
  readonly text: number;
  readonly gap: number;
}

export const TILES: Tiles = { columns: 10, width: 112, height: 112, text: 20, gap: 12 };
export const STRIP_TILES: Tiles = { columns: 20, width: 44, height: 24, text: 0, gap: 3 };

const EDGE = 12; // px around everything
const NARROWEST = 480; // px, for the caption

type Pen = CanvasRenderingContext2D;

/** All patches in one picture below the caption. */
export function saveMosaic(caption: Caption, patches: readonly Patch[], tiles: Tiles): void {
  const { columns, width, height, text, gap } = tiles;
  const across = Math.min(columns, patches.length) * (width + gap) - gap;
  const down = Math.ceil(patches.length / columns) * (height + 2 * text + gap);
  const inner = Math.max(across, NARROWEST);
  const lines = captionLines(caption, inner);
  const above = EDGE + LINE * (lines.length + 0.5);
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width: inner + 2 * EDGE, height: above + down + EDGE });
  const pen = canvas.getContext("2d");
  if (pen === null) return;
  pen.fillStyle = palette.peek().paper;
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.fillStyle = palette.peek().ink;
  lines.forEach(({ text, kind }, i) => {
    pen.font = fontOf(kind);
    pen.fillText(text, EDGE, EDGE + LINE * i + 13);
  });
  pen.font = "13px system-ui, sans-serif";
  pen.textAlign = "center";
  pen.imageSmoothingEnabled = false;
  patches.forEach((patch, i) => {
    const x = EDGE + (i % columns) * (width + gap);
    const y = above + Math.floor(i / columns) * (height + 2 * text + gap);
    if (patch.image) drawImage(pen, patch, patch.image, { ...tiles, x, y });
    else drawPlain(pen, patch, { ...tiles, x, y });
  });
  savePng(canvas, caption.panel);
}

type Place = Tiles & { readonly x: number; readonly y: number };

function drawImage(pen: Pen, patch: Patch, image: Image, place: Place): void {
  const { x, y, width, height, text } = place;
  pen.fillStyle = palette.peek().ink;
  pen.fillText(patch.above, x + width / 2, y + 14, width);
  pen.fillText(patch.below, x + width / 2, y + text + height + 16, width);
  pen.drawImage(canvasOf(image, patch.limit), x, y + text, width, height);
}

function drawPlain(pen: Pen, { above, colour, ink }: Patch, place: Place): void {
  const { x, y, width, height, text } = place;
  pen.fillStyle = colour;
  pen.fillRect(x, y + text, width, height);
  pen.fillStyle = ink;
  pen.fillText(above, x + width / 2, y + text + height / 2 + 4, width);
}

function canvasOf(image: Image, limit: number): HTMLCanvasElement {
  const canvas = document.createElement("canvas");
  canvas.width = image.width;
  canvas.height = image.height;
  canvas.getContext("2d")?.putImageData(painted(image, limit, diverging(theme.peek())), 0, 0);
  return canvas;
}
