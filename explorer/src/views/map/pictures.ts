// The pictures of the examples, read from the report's atlas.
import { picture } from "../../page/blocks";
import type { Atlas } from "../../page/report";
import { type Crop, cropOf, halved, type Inks } from "./inks";

/** Ink, which takes any colour: at full size, and smaller and smaller to draw it small. */
export interface InkPictures {
  readonly kind: "ink";
  readonly count: number;
  readonly levels: readonly Inks[];
  readonly crop: Crop;
}

export interface ColourPictures {
  readonly kind: "colour";
  readonly count: number;
  readonly atlas: ImageBitmap;
  readonly columns: number;
  readonly width: number;
  readonly height: number;
}

export type Pictures = InkPictures | ColourPictures;

let read: Promise<Pictures> | null = null;

/** Read once for the page, whichever view asks first. */
export function loadPictures(atlas: Atlas): Promise<Pictures> {
  read ??= decoded(atlas);
  return read;
}

/** Width over height of what is drawn. */
export function aspect(pictures: Pictures): number {
  const { width, height } = pictures.kind === "ink" ? pictures.crop : pictures;
  return width / height;
}

/** One picture at its own size, onto a canvas; ink in the colour given. */
export function drawPicture(
  canvas: HTMLCanvasElement,
  pictures: Pictures,
  which: number,
  colour: string,
): void {
  const { width, height } = pictures.kind === "ink" ? pictures.levels[0]! : pictures;
  Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d")!;
  if (pictures.kind === "colour") {
    const { columns, atlas } = pictures;
    const [left, top] = [(which % columns) * width, Math.floor(which / columns) * height];
    context.drawImage(atlas, left, top, width, height, 0, 0, width, height);
    return;
  }
  const image = new ImageData(width, height);
  const start = which * width * height;
  for (let i = 0; i < width * height; i++)
    image.data[4 * i + 3] = pictures.levels[0]!.ink[start + i]!;
  context.putImageData(image, 0, 0);
  context.globalCompositeOperation = "source-in";
  context.fillStyle = colour;
  context.fillRect(0, 0, width, height);
}

async function decoded(atlas: Atlas): Promise<Pictures> {
  const image = new Image();
  image.src = picture("atlas");
  await image.decode();
  const bitmap = await createImageBitmap(image);
  const { pictures: count, columns, width, height } = atlas;
  if (atlas.kind === "colour")
    return { kind: "colour", count, atlas: bitmap, columns, width, height };
  const full = await inkOf(bitmap, atlas);
  bitmap.close();
  const levels = [full];
  while (Math.min(levels.at(-1)!.width, levels.at(-1)!.height) >= 8)
    levels.push(halved(levels.at(-1)!));
  return { kind: "ink", count, levels, crop: cropOf(full) };
}

/** Row by row, so that no copy of the whole atlas is made, and pausing, so that the page goes on. */
async function inkOf(bitmap: ImageBitmap, atlas: Atlas): Promise<Inks> {
  const { pictures, columns, width, height } = atlas;
  const ink = new Uint8Array(pictures * width * height);
  const line = Object.assign(document.createElement("canvas"), { width: columns * width, height });
  const context = line.getContext("2d", { willReadFrequently: true })!;
  for (let first = 0; first < pictures; first += columns) {
    context.clearRect(0, 0, line.width, height);
    context.drawImage(bitmap, 0, -(first / columns) * height);
    const { data } = context.getImageData(0, 0, line.width, height);
    const here = Math.min(columns, pictures - first);
    for (let which = 0; which < here; which++) {
      let to = (first + which) * width * height;
      for (let row = 0; row < height; row++) {
        const from = (row * line.width + which * width) * 4 + 3;
        for (let column = 0; column < width; column++) ink[to++] = data[from + 4 * column]!;
      }
    }
    if ((first / columns) % 10 === 9) await new Promise((go) => setTimeout(go));
  }
  return { ink, width, height };
}
