// Ink onto pixels, by hand: for thousands of small images far quicker than the canvas' own drawImage.
import type { Crop, Inks } from "./inks";

/** Pixels as a canvas takes them; `rgba` and `pixels` are the same bytes. */
export interface Frame {
  readonly image: ImageData;
  readonly pixels: Uint32Array;
  readonly width: number;
  readonly height: number;
}

/** Between which two source pixels each pixel lies, and how near to the second, in 1/256. */
export interface Sampler {
  readonly at: Int32Array;
  readonly weight: Int32Array;
}

export function frameOf(width: number, height: number): Frame {
  const image = new ImageData(width, height);
  return { image, pixels: new Uint32Array(image.data.buffer), width, height };
}

/** "#d55e00" as a pixel of a little-endian machine, which all that run browsers are. */
export function packed(colour: string): number {
  const rgb = Number.parseInt(colour.slice(1), 16);
  return (0xff000000 | ((rgb & 255) << 16) | (rgb & 0xff00) | (rgb >> 16)) >>> 0;
}

/** Linear interpolation of `from` source pixels at the middles of `to` pixels. */
export function samplerOf(start: number, from: number, to: number): Sampler {
  const at = new Int32Array(to);
  const weight = new Int32Array(to);
  const last = Math.max(from - 2, 0);
  for (let i = 0; i < to; i++) {
    const place = Math.min(Math.max(((i + 0.5) * from) / to - 0.5, 0), from - 1);
    const before = Math.min(Math.floor(place), last);
    at[i] = start + before;
    weight[i] = Math.round(256 * (place - before));
  }
  return { at, weight };
}

/** How to draw the cropped images at a size: from the smallest level that is not much smaller. */
export function samplersOf(
  levels: readonly Inks[],
  crop: Crop,
  size: { readonly width: number; readonly height: number },
) {
  let level = 0;
  while (level + 1 < levels.length && crop.width / 2 ** level > 1.5 * size.width) level += 1;
  const inks = levels[level]!;
  const part = (start: number, length: number, whole: number, to: number) => {
    const first = Math.floor(start / 2 ** level);
    const last = Math.min(Math.ceil((start + length) / 2 ** level), whole);
    return samplerOf(first, last - first, to);
  };
  return {
    inks,
    across: part(crop.left, crop.width, inks.width, size.width),
    down: part(crop.top, crop.height, inks.height, size.height),
  };
}

/** One image at the size of the samplers, into `out`. */
export function sample(
  inks: Inks,
  which: number,
  across: Sampler,
  down: Sampler,
  out: Uint8Array,
): void {
  const { ink, width, height } = inks;
  const [columns, rows] = [across.at.length, down.at.length];
  const start = which * width * height;
  const [rightwards, downwards] = [width > 1 ? 1 : 0, height > 1 ? width : 0];
  let to = 0;
  for (let row = 0; row < rows; row++) {
    const line = start + down.at[row]! * width;
    const low = down.weight[row]!;
    for (let column = 0; column < columns; column++, to++) {
      const from = line + across.at[column]!;
      const right = across.weight[column]!;
      const upper = (ink[from]! << 8) + (ink[from + rightwards]! - ink[from]!) * right;
      const under = from + downwards;
      const lower = (ink[under]! << 8) + (ink[under + rightwards]! - ink[under]!) * right;
      out[to] = ((upper << 8) + (lower - upper) * low) >>> 16;
    }
  }
}

/** Lays an image of ink in a colour onto the frame; what lies outside is cut off. Opacity: 0 to 256. */
export function blit(
  frame: Frame,
  ink: Uint8Array,
  size: { readonly width: number; readonly height: number },
  left: number,
  top: number,
  colour: number,
  opacity: number,
): void {
  const { pixels, width } = frame;
  const [begin, end] = [Math.max(0, -left), Math.min(size.width, width - left)];
  const lastRow = Math.min(size.height, frame.height - top);
  const [redBlue, green] = [colour & 0xff00ff, colour & 0x00ff00];
  for (let row = Math.max(0, -top); row < lastRow; row++) {
    const from = row * size.width;
    const to = (top + row) * width + left;
    for (let column = begin; column < end; column++) {
      const raw = ink[from + column]!;
      if (raw === 0) continue;
      const cover = ((raw + 1) * opacity) >> 8;
      const under = pixels[to + column]!;
      const rest = 256 - cover;
      const rb = (Math.imul(redBlue, cover) + Math.imul(under & 0xff00ff, rest)) >>> 8;
      const g = (Math.imul(green, cover) + Math.imul(under & 0x00ff00, rest)) >>> 8;
      pixels[to + column] = 0xff000000 | (rb & 0xff00ff) | (g & 0x00ff00);
    }
  }
}
