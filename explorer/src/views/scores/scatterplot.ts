// How the scatter is drawn, and where a click hits it.
import * as Plot from "@observablehq/plot";
import { isP, scoreTitle } from "../../model/scores";
import type { Palette } from "../../state/theme";
import { type Axis, axisOf, onAxis, shownAt, tickText } from "./axes";
import { type Box, beside, POINT, together } from "./labels";
import { type Point, titleOf } from "./points";

const MARGIN = { top: 24, right: 16, bottom: 42, left: 44 };
const HEIGHT = 400;
const MOST_LABELS = 60;
const RING = 10;
const REACH = 24;

export function scatterplot(
  points: readonly Point[],
  score: string,
  width: number,
  colours: Palette,
): Plot.PlotOptions {
  const x = axisOf(
    points.map((point) => point.x),
    isP(score),
  );
  const y = axisOf([0, ...points.flatMap(({ interval }) => [interval.low, interval.high])], false);
  const placed = points.map((point) => ({ ...point, x: shownAt(x, point.x) }));
  return {
    height: HEIGHT,
    marginTop: MARGIN.top,
    marginRight: MARGIN.right,
    marginBottom: MARGIN.bottom,
    marginLeft: MARGIN.left,
    x: {
      type: x.log ? "log" : "linear",
      domain: x.domain,
      label: scoreTitle(score),
      labelOffset: 36,
      ticks: Math.max(3, width / 110),
      tickFormat: tickText,
    },
    y: { domain: y.domain, label: "drop (pp)", grid: true },
    marks: [
      ...backdrop(placed, colours),
      dots(placed, colours),
      ...labels(placed, x, y, width, colours),
    ],
  };
}

/** Zero, the intervals, and a ring around each chosen unit. */
function backdrop(points: readonly Point[], colours: Palette): Plot.Markish[] {
  const ends = {
    y1: (point: Point) => point.interval.low,
    y2: (point: Point) => point.interval.high,
  };
  const marked = points.filter((point) => point.marked);
  const ring = { x: "x", y: "dropPp", r: RING, stroke: colours.series[0] ?? "", strokeWidth: 2.5 };
  return [
    Plot.ruleY([0], { stroke: colours.soft }),
    Plot.ruleX(points, { x: "x", ...ends, stroke: colours.soft, strokeOpacity: 0.6 }),
    Plot.dot(marked, ring),
  ];
}

function dots(points: readonly Point[], colours: Palette): Plot.Markish {
  return Plot.dot(points, {
    x: "x",
    y: "dropPp",
    r: 4.5,
    symbol: ({ dead }: Point) => (dead ? "times" : "circle"),
    fill: ({ dead }: Point) => (dead ? "none" : colours.ink),
    stroke: ({ dead }: Point) => (dead ? colours.soft : colours.paper),
    strokeWidth: 1.5,
    title: titleOf,
    className: "scores-points",
  });
}

/**
 * The units' numbers, each moved to where it hides nothing; points on each other share a label. Of
 * many units only the chosen ones'.
 */
function labels(
  points: readonly Point[],
  x: Axis,
  y: Axis,
  width: number,
  colours: Palette,
): Plot.Markish[] {
  const some = points.length > MOST_LABELS ? points.filter((point) => point.marked) : points;
  const up = (value: number) => onAxis(y, value, HEIGHT - MARGIN.bottom, MARGIN.top);
  const places = some.map((point) => ({
    x: onAxis(x, point.x, MARGIN.left, width - MARGIN.right),
    y: up(point.dropPp),
  }));
  const groups = together(
    places,
    some.map(({ marked }) => marked),
  ).map((group) => ({
    point: some[group[0]!]!,
    place: places[group[0]!]!,
    text: group.map((i) => some[i]!.name).join(", "),
  }));
  const spots = beside(
    groups.map(({ place }) => place),
    groups.map(({ text }) => text),
    groups.map(({ point: { marked } }) => (marked ? 2 * RING : POINT)),
    outside(width, up(0)),
  );
  return groups.map(({ point, place, text }, i) =>
    Plot.text([point], {
      x: "x",
      y: "dropPp",
      text: () => text,
      dx: (spots[i]?.x ?? 0) - place.x,
      dy: (spots[i]?.y ?? 0) - place.y,
      fontWeight: point.marked ? "bold" : "normal",
      fill: point.marked ? colours.series[0] : colours.ink,
      stroke: colours.paper,
      strokeWidth: 3,
    }),
  );
}

/** Where labels would be struck out, cut off or taken for the axis': the line at 0, and the edges. */
function outside(width: number, zero: number): Box[] {
  const edge = (x: number) => ({ x, y: HEIGHT / 2, width: 200, height: 2 * HEIGHT });
  const below = { x: width / 2, y: HEIGHT, width, height: 2 * (MARGIN.bottom - 2) };
  return [
    { x: width / 2, y: zero, width, height: 2 },
    edge(MARGIN.left - 100),
    edge(width + 100),
    below,
  ];
}

/** The point nearest to a click, within a finger's reach; points in the order of the drawing. */
export function hit<T>(
  chart: SVGSVGElement,
  points: readonly T[],
  click: MouseEvent,
): T | undefined {
  const away = [...chart.querySelectorAll(".scores-points > *")].map((shape) => {
    const { left, top, width, height } = shape.getBoundingClientRect();
    return Math.hypot(left + width / 2 - click.clientX, top + height / 2 - click.clientY);
  });
  const nearest = Math.min(...away);
  return nearest < REACH ? points[away.indexOf(nearest)] : undefined;
}
