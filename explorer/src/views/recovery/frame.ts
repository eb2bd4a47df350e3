// The frame of a chart over epochs: axes, the intact network, the legend.
import * as Plot from "@observablehq/plot";
import { type Entry, legend } from "../../shared/look";
import type { Palette } from "../../state/theme";
import type { Estimate, Measure } from "./runs";

export interface Framed {
  readonly measure: Measure;
  readonly top: number;
  readonly intact: Estimate | null;
  /** First and last epoch. */
  readonly epochs: readonly [number, number];
  /** The range of y if not all is shown. */
  readonly range?: readonly [number, number] | undefined;
  readonly label: string;
}

const [LEFT, RIGHT, HEIGHT, GAP] = [52, 16, 300, 20]; // px

export function epochFrame(
  { measure, top, intact, epochs, range, label }: Framed,
  width: number,
  look: Palette,
  entries: readonly Entry[],
  marks: readonly Plot.Markish[],
): Plot.PlotOptions {
  const above = legend(entries, width - LEFT - RIGHT, look.ink, GAP);
  const [first, last] = epochs;
  const room = 0.02 * Math.max(last - first, 1);
  return {
    height: above.height + GAP + HEIGHT + 58,
    marginLeft: LEFT,
    marginRight: RIGHT,
    marginTop: above.height + GAP + 18,
    marginBottom: 40,
    x: {
      domain: [first - room, last + room],
      label,
      labelAnchor: "center",
      labelOffset: 32,
      labelArrow: "none",
      interval: 1,
      ticks: Math.max(1, Math.min(last - first, Math.floor(width / 60))),
      tickFormat: "d",
      type: "linear",
    },
    y: {
      label:
        measure === "accuracy" ? `top-${top} accuracy (%)` : `drop in top-${top} accuracy (pp)`,
      labelArrow: "none",
      grid: true,
      nice: range === undefined,
      ...(range ? { domain: [...range] } : {}),
    },
    marks: [...intactMarks(measure, intact, look), ...marks, ...above.marks],
  };
}

/** A line for the intact network, and a band for its interval; a drop is against it. */
function intactMarks(measure: Measure, intact: Estimate | null, look: Palette): Plot.Markish[] {
  if (measure === "drop") return [Plot.ruleY([0], { stroke: look.ink })];
  if (intact === null) return [];
  return [
    Plot.rectY([intact], { y1: "low", y2: "high", fill: look.ink, fillOpacity: 0.1, clip: true }),
    Plot.ruleY([intact.value], { stroke: look.ink, clip: true }),
  ];
}

export function intactEntry(measure: Measure, { ink }: Palette): Entry {
  const name = measure === "accuracy" ? "intact, 95 % interval" : "as the intact network";
  return { name, colour: ink, dash: "", width: 1 };
}
