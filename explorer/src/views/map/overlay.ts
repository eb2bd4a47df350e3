// What lies over the examples: the names of the classes, the lasso, and the ring around one example.
import type { Palette } from "../../state/theme";
import { onScreen, type Point, type Size, type View } from "./geometry";
import type { Polygon } from "./lasso";
import { fitting, type Name } from "./names";

export interface Over {
  readonly names: readonly Name[];
  readonly lasso: Polygon | null;
  /** The place of the example that the card is about. */
  readonly ring: Point | null;
  readonly side: number;
  readonly palette: Palette;
}

/** Where one looks: `k` is 1 for the whole map. */
export interface Look {
  readonly view: View;
  readonly size: Size;
  readonly k: number;
}

const [LARGE, SMALL] = [20, 14]; // pixels, of names that all are short, and of others
const SHORT = 3;
const FAR = 3; // times nearer than the whole map; nearer still, names would hide the examples

export function paintOver(
  context: CanvasRenderingContext2D,
  over: Over,
  { view, size, k }: Look,
  ratio: number,
): void {
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  if (k <= FAR) paintNames(context, over, view, size);
  if (over.lasso) paintLasso(context, over.lasso, over.palette, view);
  if (over.ring) paintRing(context, over, over.ring, view);
}

function paintNames(
  context: CanvasRenderingContext2D,
  { names, palette }: Over,
  view: View,
  size: Size,
): void {
  const px = names.every(({ text }) => text.length <= SHORT) ? LARGE : SMALL;
  context.font = `bold ${px}px system-ui, sans-serif`;
  Object.assign(context, { textAlign: "center", textBaseline: "middle", lineJoin: "round" });
  const widthOf = (text: string) => context.measureText(text).width;
  for (const { text, left, top } of fitting(names, view, size, widthOf, px + 2)) {
    context.strokeStyle = palette.paper;
    context.lineWidth = 0.4 * px;
    context.strokeText(text, left, top);
    context.fillStyle = palette.ink;
    context.fillText(text, left, top);
  }
}

function paintLasso(
  context: CanvasRenderingContext2D,
  lasso: Polygon,
  { paper, series }: Palette,
  view: View,
): void {
  context.beginPath();
  for (const [x, y] of lasso) context.lineTo(...onScreen(view, x, y));
  context.closePath();
  for (const [colour, width] of [
    [paper, 4],
    [series[0]!, 2],
  ] as const) {
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.stroke();
  }
}

function paintRing(
  context: CanvasRenderingContext2D,
  { side, palette }: Over,
  ring: Point,
  view: View,
): void {
  const half = Math.max((side * view.scale) / 2, 4) + 2;
  const [left, top] = onScreen(view, ...ring);
  for (const [colour, width] of [
    [palette.paper, 4],
    [palette.ink, 2],
  ] as const) {
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.strokeRect(left - half, top - half, 2 * half, 2 * half);
  }
}
