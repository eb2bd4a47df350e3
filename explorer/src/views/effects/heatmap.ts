// Where examples go, as Observable Plot draws it: label by prediction, or bars of one class.
import * as Plot from "@observablehq/plot";
import { State } from "../../model/sweep";
import { sequential } from "../../shared/colours";
import { count } from "../../shared/numbers";
import type { Palette, Theme } from "../../state/theme";
import { type Flow, largest } from "./flows";
import { MOST } from "./groups";

export interface FlowsLook {
  readonly classes: readonly string[];
  readonly palette: Palette;
  readonly theme: Theme;
  readonly width: number;
}

const LETTER = 6.6; // mean width at 12 px
const LONGEST = 14; // letters of a name that are shown

export function heatmapOptions(flows: readonly Flow[], look: FlowsLook): Plot.PlotOptions {
  const { classes, theme, width } = look;
  const [rows, columns] = [largest(flows, "label", MOST), largest(flows, "taken", MOST)];
  const shown = flows.filter(({ label, taken }) => rows.includes(label) && columns.includes(taken));
  const most = Math.max(...shown.map((flow) => flow.count), 1);
  const ramp = sequential(theme);
  const letters = lettersOf([...rows, ...columns], classes);
  const marginLeft = 34 + LETTER * letters;
  const band = (width - marginLeft) / columns.length;
  const slanted = LETTER * letters > band;
  const side = Math.min(Math.max(band, 22), 34);
  const marginTop = 30 + (slanted ? LETTER * letters * 0.75 : 12);
  const place = { x: "taken", y: "label", inset: 0.5 } as const;
  const short = (index: number) => shortOf(classes, index);
  return {
    marginLeft,
    marginTop,
    marginBottom: 6,
    marginRight: 4,
    height: Math.round(marginTop + 6 + side * rows.length),
    x: {
      type: "band",
      domain: columns,
      axis: "top",
      tickFormat: short,
      tickSize: 0,
      label: "taken for →",
      tickRotate: slanted ? -45 : 0,
      labelAnchor: "left",
      labelOffset: marginTop - 8,
    },
    y: {
      type: "band",
      domain: rows,
      tickFormat: short,
      tickSize: 0,
      label: "label",
      labelAnchor: "center",
    },
    marks: [
      Plot.cell(shown, {
        ...place,
        fill: (flow: Flow) => ramp.css(flow.count / most),
        title: (flow: Flow) => told(flow, classes),
      }),
      ...(band >= 24
        ? [
            Plot.text(shown, {
              x: "taken",
              y: "label",
              text: (flow: Flow) => count(flow.count),
              fill: (flow: Flow) => ramp.ink(flow.count / most),
              fontSize: 12,
              pointerEvents: "none",
            }),
          ]
        : []),
    ],
  };
}

/** What the examples of one class are taken for, most frequent first. */
export function flowBarsOptions(flows: readonly Flow[], look: FlowsLook): Plot.PlotOptions {
  const { classes, palette } = look;
  const shown = flows.slice(0, MOST);
  const letters = lettersOf(
    shown.map(({ taken }) => taken),
    classes,
  );
  return {
    marginLeft: 24 + LETTER * letters,
    marginRight: 44,
    marginTop: 6,
    marginBottom: 6,
    height: 12 + 24 * shown.length,
    x: { axis: null },
    y: {
      type: "band",
      domain: shown.map(({ taken }) => taken),
      tickFormat: (index: number) => shortOf(classes, index),
      tickSize: 0,
      label: null,
    },
    marks: [
      Plot.barX(shown, {
        x: "count",
        y: "taken",
        fill: palette.states[State.LOST],
        inset: 2,
        title: (flow: Flow) => told(flow, classes),
      }),
      Plot.text(shown, {
        x: "count",
        y: "taken",
        text: (flow: Flow) => count(flow.count),
        textAnchor: "start",
        dx: 6,
      }),
      Plot.ruleX([0], { stroke: palette.ink }),
    ],
  };
}

export function told({ label, taken, count: n }: Flow, classes: readonly string[]): string {
  return `${count(n)} of class ${classes[label] ?? label} taken for ${classes[taken] ?? taken}`;
}

function shortOf(classes: readonly string[], index: number): string {
  const name = classes[index] ?? String(index);
  return name.length > LONGEST ? `${name.slice(0, LONGEST - 1)}…` : name;
}

function lettersOf(indices: readonly number[], classes: readonly string[]): number {
  return Math.max(...indices.map((index) => shortOf(classes, index).length), 1);
}
