// The map as a picture of its own: its caption above, the legend's words below.
import { type CaptionLine, fontOf, LINE } from "../../shared/caption";
import { type Look, type Over, paintOver } from "./overlay";
import { paint, type Scene } from "./paint";

export interface Shot {
  readonly scene: Scene;
  readonly over: Over;
  readonly look: Look;
}

/** A line of the legend: a colour and words. */
export type Line = readonly [colour: string, words: string];

const RATIO = 2;
const EDGE = 8; // pixels

/** How wide the lines of a caption may be. */
export function captionWidth({ look }: Shot): number {
  return look.size.width - 2 * EDGE;
}

export function snapshot(
  { scene, over, look }: Shot,
  caption: readonly CaptionLine[],
  legend: readonly Line[],
): HTMLCanvasElement {
  const { view, size } = look;
  const map = canvasOf(size.width, size.height);
  paint(map, scene, view, RATIO);
  paintOver(map.getContext("2d")!, over, look, RATIO);
  const [above, below] = [caption.length * LINE + EDGE, legend.length * LINE + EDGE];
  const whole = canvasOf(size.width, above + size.height + below);
  const context = whole.getContext("2d")!;
  context.fillStyle = over.palette.paper;
  context.fillRect(0, 0, whole.width, whole.height);
  context.drawImage(map, 0, above * RATIO);
  Object.assign(context, { fillStyle: over.palette.ink, textBaseline: "middle" });
  context.scale(RATIO, RATIO);
  caption.forEach(({ text, kind }, i) => {
    context.font = fontOf(kind);
    context.fillText(text, EDGE, (i + 0.5) * LINE + EDGE / 2);
  });
  context.translate(EDGE, above + size.height + EDGE / 2);
  writeLegend(context, legend, over.palette.ink);
  return whole;
}

function writeLegend(
  context: CanvasRenderingContext2D,
  legend: readonly Line[],
  ink: string,
): void {
  context.font = fontOf("says");
  legend.forEach(([colour, words], i) => {
    const middle = (i + 0.5) * LINE;
    context.fillStyle = colour;
    context.fillRect(0, middle - 5, 10, 10);
    context.fillStyle = ink;
    context.fillText(words, 16, middle);
  });
}

function canvasOf(width: number, height: number): HTMLCanvasElement {
  const canvas = document.createElement("canvas");
  return Object.assign(canvas, { width: width * RATIO, height: height * RATIO });
}
