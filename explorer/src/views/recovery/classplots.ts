// Classes before retraining and after it, as charts.
import * as Plot from "@observablehq/plot";
import { State } from "../../model/sweep";
import { type Entry, legend, tipLook } from "../../shared/look";
import { withUnit } from "../../shared/numbers";
import { clipped } from "../../shared/words";
import type { Palette } from "../../state/theme";
import type { ClassRecovery } from "./classes";
import { startLook } from "./look";

const [LINE, CHARACTER, RIGHT] = [26, 7, 14]; // px

/** Drops: an empty circle right after the ablation, a full one after retraining; lines are ranges. */
export function dropsPlot(
  found: readonly ClassRecovery[],
  width: number,
  look: Palette,
): Plot.PlotOptions {
  const colour = startLook("ablated", look).colour;
  const parts = (["before", "after"] as const).map((part) => {
    const dy = part === "before" ? -4 : 4;
    const rows = found.map((each) => ({ name: each.name, ...each[part] }));
    return [
      Plot.ruleY(rows, { y: "name", x1: "least", x2: "most", stroke: colour, dy }),
      Plot.dot(rows, {
        y: "name",
        x: "mean",
        r: 4,
        stroke: colour,
        strokeWidth: 1.6,
        dy,
        fill: part === "before" ? look.paper : colour,
      }),
    ];
  });
  const entries: Entry[] = [
    { name: "right after the ablation", colour, symbol: "circle", hollow: true, dash: "" },
    { name: "after retraining", colour, symbol: "circle", dash: "" },
  ];
  return byClass(found, "drop (pp)", width, look, entries, [
    ...parts.flat(),
    tip(found, (each) => each.before.mean, look),
  ]);
}

/** Lost to the right, gained to the left; wide and pale before, narrow and full after. */
export function countsPlot(
  found: readonly ClassRecovery[],
  width: number,
  look: Palette,
): Plot.PlotOptions {
  const kinds = [
    ["lost", 1, look.states[State.LOST]],
    ["gained", -1, look.states[State.GAINED]],
  ] as const;
  const bars = kinds.flatMap(([kind, sign, fill]) => [
    Plot.barX(found, {
      y: "name",
      x: ({ before }: ClassRecovery) => sign * before[kind],
      fill,
      fillOpacity: 0.35,
      inset: 1,
    }),
    Plot.barX(found, {
      y: "name",
      x: ({ after }: ClassRecovery) => sign * after[kind],
      fill,
      insetTop: 7,
      insetBottom: 7,
    }),
  ]);
  const entries = kinds.map(([kind, , colour]) => ({
    name: `${kind} (pale: right after)`,
    colour,
    band: 1,
  }));
  const options = byClass(found, "gained · lost (% of the class's images)", width, look, entries, [
    ...bars,
    tip(found, (each) => each.before.lost, look),
  ]);
  // What is gained is drawn to the left, but is not negative.
  return { ...options, x: { ...options.x, tickFormat: (value: number) => `${Math.abs(value)}` } };
}

function byClass(
  found: readonly ClassRecovery[],
  label: string,
  width: number,
  look: Palette,
  entries: readonly Entry[],
  marks: readonly Plot.Markish[],
): Plot.PlotOptions {
  const longest = width < 500 ? 12 : 24;
  const names = found.map(({ name }) => clipped(name, longest));
  const left = 14 + CHARACTER * Math.max(0, ...names.map(({ length }) => length));
  const above = legend(entries, width - left - RIGHT, look.ink);
  return {
    height: above.height + LINE * found.length + 60,
    marginTop: above.height + 12,
    marginBottom: 40,
    marginLeft: left,
    marginRight: RIGHT,
    x: {
      label,
      labelAnchor: "center",
      labelOffset: 32,
      labelArrow: "none",
      grid: true,
      nice: true,
    },
    y: {
      domain: found.map(({ name }) => name),
      label: null,
      tickSize: 0,
      tickFormat: (name: string) => clipped(name, longest),
    },
    marks: [Plot.ruleX([0], { stroke: look.soft }), ...marks, ...above.marks],
  };
}

function tip(found: readonly ClassRecovery[], x: (each: ClassRecovery) => number, look: Palette) {
  return Plot.tip(found, Plot.pointerY({ y: "name", x, title: says, ...tipLook(look) }));
}

function says({ name, before, after }: ClassRecovery): string {
  const lines = [
    ["right after", before],
    ["retrained", after],
  ] as const;
  const told = lines.map(
    ([when, part]) =>
      `${when}: drop ${withUnit(part.mean)}, lost ${withUnit(part.lost, "%", 1)}, gained ${withUnit(part.gained, "%", 1)}`,
  );
  return [name, ...told].join("\n");
}
