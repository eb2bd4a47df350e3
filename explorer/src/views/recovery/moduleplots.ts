// The trained modules as charts: how far each moved, and what undoing it costs.
import * as Plot from "@observablehq/plot";
import { layerAxis } from "../../shared/axis";
import { type Entry, legend, tipLook } from "../../shared/look";
import { withInterval, withUnit } from "../../shared/numbers";
import type { Palette } from "../../state/theme";
import { startLook } from "./look";
import type { Moved } from "./modules";

interface Columns {
  readonly mean: "change" | "drop";
  readonly runs: "changes" | "undone";
  readonly control: "controlChange" | "controlDrop";
  readonly label: string;
}

const CHANGE: Columns = {
  mean: "change",
  runs: "changes",
  control: "controlChange",
  label: "change (%)",
};
const UNDONE: Columns = {
  mean: "drop",
  runs: "undone",
  control: "controlDrop",
  label: "drop when undone (pp)",
};
const [LEFT, RIGHT] = [48, 12]; // px

export function changePlot(found: readonly Moved[], width: number, look: Palette) {
  return plotOf(found, CHANGE, width, look);
}

export function undonePlot(found: readonly Moved[], width: number, look: Palette) {
  return plotOf(found, UNDONE, width, look);
}

function plotOf(
  found: readonly Moved[],
  columns: Columns,
  width: number,
  look: Palette,
): Plot.PlotOptions {
  const { mean, runs, control, label } = columns;
  const own = startLook("ablated", look).colour;
  const trained = found.some((each) => Number.isFinite(each[control]));
  const several = found.some((each) => each[runs].length > 1);
  const entries: Entry[] = [
    { name: several ? "mean of the runs" : "the run", colour: own, symbol: "circle" },
    ...(several ? [{ name: "single runs", colour: own, symbol: "plus" as const }] : []),
    ...(trained
      ? [
          {
            name: "intact, trained as long",
            colour: look.ink,
            symbol: "diamond2" as const,
            hollow: true,
          },
        ]
      : []),
    { name: "the ablated layer", colour: look.ink, band: 0.12 },
  ];
  const axis = layerAxis(
    found.map((each) => each.label),
    width - LEFT - RIGHT,
  );
  const above = legend(entries, width - LEFT - RIGHT, look.ink);
  const at = found.map((each, x) => ({ ...each, x }));
  const dots = at.flatMap(({ x, ...each }) => each[runs].map((y) => ({ x: x + 0.22, y })));
  return {
    height: above.height + 220 + axis.room + 24,
    marginTop: above.height + 24,
    marginBottom: axis.room,
    marginLeft: LEFT,
    marginRight: RIGHT,
    x: {
      ...axis.x,
      label: "trained module",
      labelAnchor: "center",
      labelOffset: axis.room - 8,
      labelArrow: "none",
    },
    y: { label, labelArrow: "none", grid: true, nice: true },
    marks: [
      Plot.rectX(
        at.filter(({ ablated }) => ablated),
        {
          x1: ({ x }) => x - 0.5,
          x2: ({ x }) => x + 0.5,
          fill: look.ink,
          fillOpacity: 0.12,
        },
      ),
      Plot.ruleY([0], { stroke: look.soft }),
      Plot.ruleX(mean === "drop" ? at : [], { x: "x", y1: "low", y2: "high", stroke: own }),
      Plot.dot(several ? dots : [], {
        x: "x",
        y: "y",
        symbol: "plus",
        stroke: own,
        strokeOpacity: 0.7,
        r: 2.5,
      }),
      Plot.dot(at, { x: "x", y: control, symbol: "diamond2", stroke: look.ink, r: 3.5 }),
      Plot.dot(at, { x: "x", y: mean, fill: own, r: 3.5 }),
      Plot.tip(at, Plot.pointer({ x: "x", y: mean, title: says, ...tipLook(look) })),
      ...above.marks,
    ],
  };
}

function says({ module, change, drop, low, high }: Moved): string {
  return (
    `${module}\nmoved by ${withUnit(change, "%")}\n` +
    `undone: ${withInterval(drop, { low, high })}`
  );
}
