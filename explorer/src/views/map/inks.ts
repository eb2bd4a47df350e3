// Images of ink: how much of it is at each pixel; the colour comes when they are drawn.

/** Images of ink, one after another: 0 is none, 255 is full. */
export interface Inks {
  readonly ink: Uint8Array;
  readonly width: number;
  readonly height: number;
}

/** The part of each image that is drawn: without the margin where hardly any image has ink. */
export interface Crop {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** A dot of ink, its edge smooth. */
export function disc(side: number): Inks {
  const width = Math.max(1, Math.ceil(side));
  const ink = new Uint8Array(width * width);
  const middle = (width - 1) / 2;
  for (let i = 0; i < ink.length; i++) {
    const away = Math.hypot((i % width) - middle, Math.floor(i / width) - middle);
    ink[i] = 255 * Math.min(Math.max(side / 2 + 0.5 - away, 0), 1);
  }
  return { ink, width, height: width };
}

/** The same images at half the size, for drawing them small: what is skipped would flicker. */
export function halved({ ink, width, height }: Inks): Inks {
  const [w, h] = [width >> 1, height >> 1];
  const n = ink.length / (width * height);
  const small = new Uint8Array(n * w * h);
  let to = 0;
  for (let which = 0; which < n; which++) {
    for (let row = 0; row < h; row++) {
      let from = (which * height + 2 * row) * width;
      for (let column = 0; column < w; column++, from += 2, to++) {
        const sum = ink[from]! + ink[from + 1]! + ink[from + width]! + ink[from + width + 1]!;
        small[to] = (sum + 2) >> 2;
      }
    }
  }
  return { ink: small, width: w, height: h };
}

/** The part of the images that has ink in more than 2 % on average; as in lashley.figures.maps. */
export function cropOf({ ink, width, height }: Inks): Crop {
  const sums = new Float64Array(width * height);
  for (let i = 0; i < ink.length; i++) sums[i % sums.length]! += ink[i]!;
  const least = (0.02 * 255 * ink.length) / sums.length;
  const used = [...sums.keys()].filter((i) => sums[i]! > least);
  if (used.length === 0) return { left: 0, top: 0, width, height };
  const [columns, rows] = [used.map((i) => i % width), used.map((i) => Math.floor(i / width))];
  const [left, top] = [Math.min(...columns), Math.min(...rows)];
  return {
    left,
    top,
    width: Math.max(...columns) - left + 1,
    height: Math.max(...rows) - top + 1,
  };
}
