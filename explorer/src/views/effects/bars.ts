// The bars as Observable Plot draws them: kept, lost and gained, of all examples and of each class.
import * as Plot from "@observablehq/plot";
import { State } from "../../model/sweep";
import { fixed, withInterval } from "../../shared/numbers";
import { lostWord, type Palette, STATE_NAMES } from "../../state/theme";
import { type Bar, barOf, type Group } from "./groups";

export interface BarsLook {
  readonly palette: Palette;
  readonly width: number;
  /** Index of the chosen class. */
  readonly chosen: number | null;
  readonly ablated: boolean;
  readonly pair: boolean;
}

const TARGETS = "effects-target"; // of the marks that take clicks: one per group, in order
const LETTER = 6.6; // mean width at 12 px

export function barsOptions(groups: readonly Group[], look: BarsLook): Plot.PlotOptions {
  const bars = groups.map(barOf);
  const names = groups.map(nameOf);
  const { palette, width } = look;
  const band = (width - 60) / (groups.length + 0.5);
  const slanted = Math.max(...names.map(({ length }) => length)) * LETTER > band;
  const legend = legendOf(look);
  const lowest = Math.min(...bars.map(({ gained, after }) => Math.min(gained.from, after.low)));
  const x = (bar: Bar) => keyOf(bar.group);
  const marginTop = 14 + 18 * legend.rows;
  const marginBottom = slanted ? 18 + LETTER * Math.min(longestOf(names), 14) * 0.75 : 24;
  return {
    height: Math.round(Math.min(300, Math.max(200, width * 0.5)) + marginTop + marginBottom),
    marginTop,
    marginLeft: 44,
    marginBottom,
    x: {
      domain: groups.flatMap((group) => (group.index === null ? [keyOf(group), ""] : keyOf(group))),
      tickFormat: (key: string) => names[groups.findIndex((group) => keyOf(group) === key)] ?? "",
      tickRotate: slanted ? -45 : 0,
      tickSize: 0,
      label: null,
    },
    y: { domain: [Math.min(lowest * 1.1, 0), 100], label: null, tickFormat: tick, nice: false },
    marks: [
      ...partsOf(bars, look),
      ...legend.marks,
      Plot.ruleY([0], { stroke: palette.ink }),
      ...(look.ablated ? intervalsOf(bars, palette) : []),
      Plot.axisY({
        label: "% of the group's examples",
        labelAnchor: "center",
        tickFormat: tick,
        ticks: 6,
      }),
      Plot.barY(bars, {
        x,
        y1: lowest,
        y2: 100,
        fill: "transparent",
        title: (bar: Bar) => told(bar.group, look),
        className: TARGETS,
        inset: -1,
      }),
    ],
  };
}

/** Calls back with the place of the group whose bar is clicked. */
export function onBar(chart: SVGSVGElement, choose: (place: number) => void): void {
  const targets = chart.querySelector(`.${TARGETS}`);
  [...(targets?.children ?? [])].forEach((bar, place) => {
    (bar as SVGElement).style.cursor = "pointer";
    bar.addEventListener("click", () => choose(place));
  });
}

function partsOf(bars: readonly Bar[], { palette, chosen, ablated, pair }: BarsLook) {
  const { states } = palette;
  const common = {
    x: (bar: Bar) => keyOf(bar.group),
    fillOpacity: ({ group }: Bar) => (chosen === null || group.index === chosen ? 1 : 0.4),
    inset: 0.5,
  };
  const part = (name: "right" | "byPair" | "lost" | "gained", fill: string) =>
    Plot.barY(bars, {
      ...common,
      y1: (bar: Bar) => bar[name].from,
      y2: (bar: Bar) => bar[name].to,
      fill,
    });
  if (!ablated) {
    // in the colour of what is lost, as on the map and in figure 2 of the paper
    const wrong = { y1: (bar: Bar) => bar.lost.to, y2: 100, fill: states[State.LOST] };
    return [part("right", states[State.RIGHT]), Plot.barY(bars, { ...common, ...wrong })];
  }
  return [
    part("right", states[State.RIGHT]),
    ...(pair ? [part("byPair", states[State.ONLY_PAIR])] : []),
    part("lost", states[State.LOST]),
    part("gained", states[State.GAINED]),
  ];
}

/** The accuracy left, as a tick, with the drop's interval; a halo keeps it visible on any colour. */
function intervalsOf(bars: readonly Bar[], { ink, paper }: Palette) {
  const line = (stroke: string, wider: number) => [
    Plot.ruleX(bars, {
      x: (bar: Bar) => keyOf(bar.group),
      y1: (bar: Bar) => bar.after.low,
      y2: (bar: Bar) => bar.after.high,
      stroke,
      strokeWidth: 1.5 + wider,
    }),
    Plot.tickY(bars, {
      x: (bar: Bar) => keyOf(bar.group),
      y: (bar: Bar) => bar.after.value,
      stroke,
      strokeWidth: 1.5 + wider,
      inset: 5 - wider / 2,
    }),
  ];
  return [...line(paper, 2.5), ...line(ink, 0)];
}

/** What the colours mean, written into the chart, in as many rows as it needs. */
function legendOf({ palette, width, ablated, pair }: BarsLook) {
  const { states, ink } = palette;
  const entry = (state: State) => ({ text: `■ ${STATE_NAMES[state]}`, fill: states[state] });
  const entries = ablated
    ? [
        entry(State.RIGHT),
        ...(pair ? [entry(State.ONLY_PAIR)] : []),
        { text: `■ ${lostWord(pair)}`, fill: states[State.LOST] },
        { text: "■ gained (below 0)", fill: states[State.GAINED] },
        { text: "┼ accuracy left, 95 % interval", fill: ink },
      ]
    : [
        { text: "■ right", fill: states[State.RIGHT] },
        { text: "■ wrong", fill: states[State.LOST] },
      ];
  let [left, row] = [0, 0];
  const placed = entries.map(({ text, fill }) => {
    const wide = text.length * LETTER + 14;
    if (left > 0 && left + wide > width - 44) [left, row] = [0, row + 1];
    const place = { text, fill, left, row };
    left += wide;
    return place;
  });
  const rows = row + 1;
  const marks = placed.map(({ text, fill, left, row }) =>
    Plot.text([text], {
      frameAnchor: "top-left",
      textAnchor: "start",
      fill,
      dx: left,
      dy: 18 * (row - rows) - 2,
    }),
  );
  return { rows, marks };
}

/** A group in a sentence: what pointing at its bar shows. */
export function told(group: Group, { ablated, pair }: Pick<BarsLook, "ablated" | "pair">): string {
  const { name, index, total, intact, lost, gained, onlyPair } = group;
  const head = index === null ? `all ${total} examples` : `${name}: ${total} examples`;
  if (!ablated) return `${head}\nright ${intact}, wrong ${total - intact}`;
  const only = pair ? `, lost only by the pair ${onlyPair}` : "";
  return `${head}\nlost ${lost}, gained ${gained}${only}\ndrop ${withInterval(group.dropPp, group.interval)}`;
}

function keyOf({ index }: Group): string {
  return index === null ? "all" : String(index);
}

function nameOf({ name }: Group): string {
  return name.length > 14 ? `${name.slice(0, 13)}…` : name;
}

function longestOf(names: readonly string[]): number {
  return Math.max(...names.map(({ length }) => length));
}

function tick(value: number): string {
  return fixed(Math.abs(value), 0);
}
