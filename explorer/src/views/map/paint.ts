// Draws the map's examples: dots when far away, pictures when near.
import type { Size, View } from "./geometry";
import { disc } from "./inks";
import { aspect, type ColourPictures, type InkPictures, type Pictures } from "./pictures";
import { blit, type Frame, frameOf, packed, sample, samplersOf } from "./raster";
import { imageShare } from "./scene";

export interface Scene {
  readonly x: ArrayLike<number>;
  readonly y: ArrayLike<number>;
  readonly states: Uint8Array;
  /** Examples from the bottom to the top. */
  readonly order: Uint32Array;
  /** (example,) 1 for those that stand out; null: all. */
  readonly strong: Uint8Array | null;
  /** By state, "#rrggbb". */
  readonly colours: readonly string[];
  readonly paper: string;
  /** Of an image, as a share of the map. */
  readonly side: number;
  /** Null while they are read, or if there are none. */
  readonly pictures: Pictures | null;
}

/** How it is drawn: where the map lies, in pixels of the canvas, and how much of the pictures shows. */
interface Drawing {
  readonly scene: Scene;
  readonly view: View;
  /** Pixels of the canvas for each of the page. */
  readonly ratio: number;
  /** 0: dots only, 1: pictures only. */
  readonly near: number;
}

const FAINT = { dot: 34, picture: 118 }; // of 256; fainter pictures could not be told apart
const frames = new WeakMap<HTMLCanvasElement, Frame>();

/** Draws the scene; the canvas has `ratio` pixels for each pixel of the view. */
export function paint(canvas: HTMLCanvasElement, scene: Scene, view: View, ratio: number): void {
  const frame = frameFor(canvas);
  const context = canvas.getContext("2d")!;
  const { pictures } = scene;
  const near = pictures === null ? 0 : imageShare(scene.side * view.scale);
  const fine = { scale: view.scale * ratio, left: view.left * ratio, top: view.top * ratio };
  const drawing = { scene, view: fine, ratio, near };
  frame.pixels.fill(packed(scene.paper));
  if (near < 1 || (pictures?.count ?? 0) < scene.x.length) dots(frame, drawing);
  if (near > 0 && pictures?.kind === "ink") inks(frame, drawing, pictures);
  context.putImageData(frame.image, 0, 0);
  if (near > 0 && pictures?.kind === "colour") photos(context, drawing, pictures);
}

function frameFor(canvas: HTMLCanvasElement): Frame {
  const kept = frames.get(canvas);
  if (kept && kept.width === canvas.width && kept.height === canvas.height) return kept;
  const frame = frameOf(canvas.width, canvas.height);
  frames.set(canvas, frame);
  return frame;
}

/** Those that have a picture fade as the pictures come. */
function dots(frame: Frame, drawing: Drawing): void {
  const { scene, view, ratio, near } = drawing;
  const pictured = scene.pictures?.count ?? 0;
  const [least, most] = [3, pictured > 0 ? 5 : 8];
  const side = Math.min(Math.max((0.45 * scene.side * view.scale) / ratio, least), most);
  const dot = disc(side * ratio);
  const colours = scene.colours.map(packed);
  eachInView(drawing, dot, frame, (i, left, top) => {
    const opacity = opacityOf(scene, i, FAINT.dot) * (i < pictured ? 1 - near : 1);
    blit(frame, dot.ink, dot, left, top, colours[scene.states[i]!]!, opacity);
  });
}

function inks(frame: Frame, drawing: Drawing, pictures: InkPictures): void {
  const { scene, near } = drawing;
  const size = pixelsOf(drawing, pictures);
  const { inks, across, down } = samplersOf(pictures.levels, pictures.crop, size);
  const ink = new Uint8Array(size.width * size.height);
  const colours = scene.colours.map(packed);
  eachInView(drawing, size, frame, (i, left, top) => {
    if (i >= pictures.count) return;
    sample(inks, i, across, down, ink);
    blit(
      frame,
      ink,
      size,
      left,
      top,
      colours[scene.states[i]!]!,
      opacityOf(scene, i, FAINT.picture) * near,
    );
  });
}

/** Few enough for the canvas' own drawing; framed in the state's colour. */
function photos(context: CanvasRenderingContext2D, drawing: Drawing, from: ColourPictures): void {
  const { scene, near, ratio } = drawing;
  const { atlas, columns, width, height } = from;
  const size = pixelsOf(drawing, from);
  const edge = Math.max(1, Math.round(Math.min(0.08 * size.width, 4 * ratio)));
  eachInView(drawing, size, context.canvas, (i, left, top) => {
    if (i >= from.count) return;
    const [across, down] = [(i % columns) * width, Math.floor(i / columns) * height];
    context.globalAlpha = (opacityOf(scene, i, FAINT.picture) * near) / 256;
    context.fillStyle = scene.colours[scene.states[i]!]!;
    context.fillRect(left - edge, top - edge, size.width + 2 * edge, size.height + 2 * edge);
    context.drawImage(atlas, across, down, width, height, left, top, size.width, size.height);
  });
  context.globalAlpha = 1;
}

/** From the bottom to the top, each example of so many pixels that is in view, at whole pixels. */
function eachInView(
  { scene, view }: Drawing,
  { width, height }: Size,
  whole: Size,
  act: (example: number, left: number, top: number) => void,
): void {
  const { x, y, order } = scene;
  for (const i of order) {
    const left = Math.round(view.left + x[i]! * view.scale - width / 2);
    const top = Math.round(view.top + (1 - y[i]!) * view.scale - height / 2);
    if (left < whole.width && top < whole.height && left + width > 0 && top + height > 0)
      act(i, left, top);
  }
}

function opacityOf({ strong }: Scene, i: number, faint: number): number {
  return strong === null || strong[i] === 1 ? 256 : faint;
}

/** Of a drawn picture: its longer side is as long as the scene says. */
function pixelsOf({ scene, view }: Drawing, pictures: Pictures): Size {
  const side = scene.side * view.scale;
  const across = aspect(pictures);
  return {
    width: Math.max(1, Math.round(side * Math.min(1, across))),
    height: Math.max(1, Math.round(side * Math.min(1, 1 / across))),
  };
}
