// How charts over the layers look: colours in an order, tips, and a legend inside the picture.
import * as Plot from "@observablehq/plot";
import type { Palette } from "../state/theme";

/** What a line or a dot stands for. */
export interface Entry {
  readonly name: string;
  readonly colour: string;
  /** Of a line, as in SVG; "" is a solid line. Left out: no line. */
  readonly dash?: string;
  readonly width?: number;
  readonly symbol?: Plot.SymbolType;
  /** Whether the symbol is empty inside. */
  readonly hollow?: boolean;
  /** A filled area instead: how much of the colour it has. */
  readonly band?: number;
}

const [CHARACTER, SWATCH, GAP, LINE] = [6.7, 30, 16, 20]; // px

export const SYMBOLS: readonly Plot.SymbolType[] = [
  "circle",
  "square2",
  "triangle2",
  "diamond2",
  "cross",
  "star",
  "wye",
];

/** A colour for each of several steps, from pale to full and on to the colour of text. */
export function sequence(count: number, { paper, ink, series }: Palette): string[] {
  const middle = series[0] ?? ink;
  return Array.from({ length: count }, (_, i) => {
    const step = count > 1 ? i / (count - 1) : 0.6;
    return step < 0.6
      ? mix(paper, middle, 0.55 + (0.45 * step) / 0.6)
      : mix(middle, ink, (step - 0.6) * 1.4);
  });
}

/** Between two colours "#rrggbb"; `share` is of the second. */
export function mix(one: string, other: string, share: number): string {
  const parts = [1, 3, 5].map((at) => {
    const [a, b] = [one, other].map((colour) => Number.parseInt(colour.slice(at, at + 2), 16));
    const mixed = Math.round((a ?? 0) * (1 - share) + (b ?? 0) * share);
    return mixed.toString(16).padStart(2, "0");
  });
  return `#${parts.join("")}`;
}

export function tipLook({ paper, line }: Palette) {
  return { fill: paper, stroke: line, fontSize: 12, lineHeight: 1.3 };
}

/**
 * A legend above the frame, so that a saved picture has it too. `height` is for the margin; `gap`
 * is what lies between legend and frame, in px.
 */
export function legend(entries: readonly Entry[], width: number, ink: string, gap = 10) {
  const places = placed(
    entries.map(({ name }) => name),
    width,
  );
  const height = LINE * (1 + Math.max(-1, ...places.map(({ line }) => line)));
  const marks = entries.flatMap((entry, i) => {
    const { x, line } = places[i] ?? { x: 0, line: 0 };
    return entryMarks(entry, x, LINE * (line + 0.5) - height - gap, ink);
  });
  return { marks, height };
}

/** Where names of a legend stand, in lines as wide as the width. */
export function placed(names: readonly string[], width: number) {
  let [x, line] = [0, 0];
  return names.map((name) => {
    const needs = SWATCH + CHARACTER * name.length + GAP;
    if (x > 0 && x + needs - GAP > width) [x, line] = [0, line + 1];
    const place = { x, line };
    x += needs;
    return place;
  });
}

function entryMarks(entry: Entry, x: number, dy: number, ink: string): Plot.Markish[] {
  const { name, colour, dash, width = 1.8, symbol, hollow, band } = entry;
  const at = { frameAnchor: "top-left" as const, dy };
  const middle = { ...at, dx: x + 11 };
  const stroke = {
    ...at,
    shape: STROKE,
    anchor: "start" as const,
    length: 22,
    rotate: 90,
    dx: x,
    stroke: colour,
  };
  return [
    band !== undefined &&
      Plot.vector([0], { ...stroke, strokeWidth: 10, strokeOpacity: band, strokeLinecap: "butt" }),
    dash !== undefined &&
      Plot.vector([0], { ...stroke, strokeWidth: width, strokeDasharray: dash }),
    symbol !== undefined &&
      Plot.dot([0], {
        ...middle,
        symbol,
        r: 3.5,
        stroke: colour,
        fill: hollow ? "none" : colour,
      }),
    Plot.text([name], {
      ...at,
      dx: x + SWATCH - 2,
      textAnchor: "start",
      lineAnchor: "middle",
      fill: ink,
    }),
  ].filter((mark) => mark !== false);
}

const STROKE: Plot.VectorShapeImplementation = {
  draw(path, length) {
    path.moveTo(0, 0);
    path.lineTo(0, -length);
  },
};
