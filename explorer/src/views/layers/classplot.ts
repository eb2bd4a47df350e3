// The curves of single classes as a chart.
import * as Plot from "@observablehq/plot";
import type { Tables } from "../../model/tables";
import { SYMBOLS, tipLook } from "../../shared/look";
import { withInterval } from "../../shared/numbers";
import { clipped } from "../../shared/words";
import type { Palette } from "../../state/theme";
import type { ClassCurve } from "./classes";
import { framed } from "./curveplot";

export interface ClassesShown {
  readonly tables: Tables;
  readonly lines: readonly (ClassCurve & { readonly name: string })[];
  /** (site,) mean drop over all images. */
  readonly all: readonly number[];
  readonly open: number;
}

const ASIDE = 0.4; // of the room between two layers: so that intervals stay apart

export function classesPlot(shown: ClassesShown, width: number, look: Palette): Plot.PlotOptions {
  const { lines, all, tables } = shown;
  const entries = lines.map(({ name }, i) => ({
    name: clipped(name, 24),
    colour: look.series[i % 6] ?? look.ink,
    symbol: SYMBOLS[i % SYMBOLS.length] ?? "circle",
    dash: "",
    width: 1.4,
  }));
  const points = lines.map((line, i) => {
    const aside = ASIDE * ((i + 0.5) / lines.length - 0.5);
    return tables.sites.map(({ label }, at) => {
      const of = (values: readonly number[]) => values[at] ?? Number.NaN;
      const [drop, low, high] = [of(line.drop), of(line.low), of(line.high)];
      const said = withInterval(drop, { low, high });
      return { at: at + aside, drop, low, high, says: `${line.name}, layer ${label}\n${said}` };
    });
  });
  const marks = entries.flatMap(({ colour, symbol, width }, i) => [
    Plot.ruleX(points[i] ?? [], {
      x: "at",
      y1: "low",
      y2: "high",
      stroke: colour,
      strokeOpacity: 0.5,
    }),
    Plot.line(points[i] ?? [], { x: "at", y: "drop", stroke: colour, strokeWidth: width }),
    Plot.dot(points[i] ?? [], { x: "at", y: "drop", symbol, fill: colour, r: 3 }),
  ]);
  const everything = { name: "all images", colour: look.ink, dash: "", width: 2.2 };
  return framed(
    shown,
    width,
    look,
    [...entries, everything],
    [
      ...marks,
      Plot.line(all, { x: (_, i) => i, y: (drop) => drop, stroke: look.ink, strokeWidth: 2.2 }),
      Plot.tip(
        points.flat(),
        Plot.pointer({ x: "at", y: "drop", title: "says", ...tipLook(look) }),
      ),
    ],
  );
}
