// The axis of the layers: which labels fit, and how.
import type { ScaleOptions } from "@observablehq/plot";
import { clipped } from "./words";

const [CHARACTER, LINE, SPACE, LONGEST] = [7, 13, 6, 16]; // px, px, px, characters

/** All labels, upright or rotated; if even rotated ones do not fit, every second, third, ... */
export function layerAxis(labels: readonly string[], width: number) {
  const texts = labels.map((label) => clipped(label, LONGEST));
  const longest = CHARACTER * Math.max(0, ...texts.map(({ length }) => length));
  const pitch = width / Math.max(labels.length, 1);
  const turned = longest + SPACE > pitch && longest > 2 * LINE;
  const step = Math.max(1, Math.ceil((turned ? LINE : longest + SPACE) / pitch));
  return {
    /** Options of the x scale; layers stand at 0, 1, 2, ... */
    x: {
      type: "linear",
      domain: [-0.5, labels.length - 0.5],
      ticks: labels.flatMap((_, i) => (i % step === 0 ? [i] : [])),
      tickFormat: (i: number) => texts[i] ?? "",
      tickRotate: turned ? -90 : 0,
      grid: false,
    } satisfies ScaleOptions,
    /** That labels and the axis' name take below the frame, px. */
    room: (turned ? longest : LINE) + 30,
  };
}
