// Numbers as colours: each ramp runs in lightness too, so colour-blind readers can tell its steps.
import type { Theme } from "../state/theme";

export interface Ramp {
  /** (256, 3) red, green and blue from 0 to 1 of the scale. */
  readonly bytes: Uint8ClampedArray;
  /** `t` from 0 to 1; what lies outside takes the end's colour. */
  css(t: number): string;
  /** Black or white, whichever reads better on the colour of `t`. */
  ink(t: number): string;
}

const STEPS = 256;

/** Cynthia Brewer's RdBu, as in the figures; the dark ones have a dark neutral. */
const DIVERGING: Readonly<Record<Theme, Ramp>> = {
  light: rampOf(
    "#053061 #2166ac #4393c3 #92c5de #d1e5f0 #f7f7f7 #fddbc7 #f4a582 #d6604d #b2182b #67001f",
  ),
  dark: rampOf(
    "#c6e6ff #7cc4ff #3f8fd4 #27608f #1d3a52 #1c1c1c #53291f #954330 #d96a4a #ff9a78 #ffd3c2",
  ),
};

const SEQUENTIAL: Readonly<Record<Theme, Ramp>> = {
  light: rampOf("#fbf1e7 #fdcc9b #f39a4e #d4620f #95390a #551c02"),
  dark: rampOf("#26201b #5a3115 #994a12 #db6f21 #ffa35f #ffdcc0"),
};

/** Blue below 0, red above, neutral in the middle. */
export function diverging(theme: Theme): Ramp {
  return DIVERGING[theme];
}

/** From hardly any to much. */
export function sequential(theme: Theme): Ramp {
  return SEQUENTIAL[theme];
}

/** Where a number lies on a scale from -limit to limit, as 0 to 1. */
export function around(value: number, limit: number): number {
  return limit > 0 ? 0.5 + value / (2 * limit) : 0.5;
}

function rampOf(text: string): Ramp {
  const stops = text.split(" ").map(rgbOf);
  const bytes = new Uint8ClampedArray(STEPS * 3);
  for (let i = 0; i < STEPS; i++) bytes.set(mixed(stops, i / (STEPS - 1)), 3 * i);
  const at = (t: number) => {
    const i = 3 * Math.round(Math.min(Math.max(t, 0), 1) * (STEPS - 1));
    return [...bytes.subarray(i, i + 3)] as [number, number, number];
  };
  return {
    bytes,
    css: (t) => `rgb(${at(t).join(" ")})`,
    ink: (t) => (luminance(at(t)) > 0.18 ? "#000000" : "#ffffff"),
  };
}

function mixed(stops: readonly number[][], t: number): number[] {
  const place = t * (stops.length - 1);
  const first = Math.min(Math.floor(place), stops.length - 2);
  const [low, high] = [stops[first] ?? [], stops[first + 1] ?? []];
  return low.map((value, k) => value + (place - first) * ((high[k] ?? value) - value));
}

function rgbOf(hex: string): number[] {
  return [1, 3, 5].map((i) => Number.parseInt(hex.slice(i, i + 2), 16));
}

/** Relative luminance. Source: WCAG 2.2; at 0.18 black and white read about equally well. */
function luminance(rgb: readonly [number, number, number]): number {
  const [r, g, b] = rgb.map((value) => {
    const v = value / 255;
    return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
