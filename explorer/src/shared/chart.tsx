// A chart by Observable Plot, as wide as its place, drawn again when its options or the theme change.
import * as Plot from "@observablehq/plot";
import { useCallback, useLayoutEffect, useRef, useState } from "preact/hooks";
import { palette } from "../state/theme";
import type { Caption } from "./caption";
import { saveSvg } from "./download";

export interface ChartProps {
  /** Read aloud in place of the chart. */
  readonly label: string;
  /** Options for the width given, in pixels; drawn again when it is another function. */
  readonly options: (width: number) => Plot.PlotOptions;
  /** Called with the drawn chart: to listen to it, or to keep it for a download. */
  readonly drawn?: (chart: SVGSVGElement) => void;
}

export function Chart({ label, options, drawn }: ChartProps) {
  const place = useRef<HTMLDivElement>(null);
  const width = useWidth(place);
  const colours = palette.value;
  useLayoutEffect(() => {
    const home = place.current;
    if (home === null || width === 0) return;
    const plotted = Plot.plot({
      ...options(width),
      width,
      ariaLabel: label,
      style: {
        background: "transparent",
        color: colours.ink,
        fontSize: "12px",
        overflow: "visible",
      },
    });
    const chart = (plotted instanceof SVGSVGElement ? plotted : plotted.querySelector("svg"))!;
    chart.setAttribute("role", "img");
    home.replaceChildren(plotted);
    drawn?.(chart);
  }, [options, drawn, width, label, colours]);
  return <div class="chart" ref={place} />;
}

/** The width of an element in pixels, followed as it changes; 0 before it is known. */
export function useWidth(place: { current: HTMLElement | null }): number {
  const [width, setWidth] = useState(0);
  useLayoutEffect(() => {
    const element = place.current;
    if (element === null) return;
    const measure = () => setWidth(Math.floor(element.clientWidth));
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, [place]);
  return width;
}

/** A place for a chart to be kept, and the download of it for a Panel; `keep` stays the same. */
export function useSvg(name: string) {
  const kept = useRef<SVGSVGElement | null>(null);
  const keep = useCallback((chart: SVGSVGElement) => {
    kept.current = chart;
  }, []);
  const save = (caption: Caption) =>
    kept.current && saveSvg(kept.current, name, palette.peek().paper, caption);
  return { keep, picture: { kind: "SVG" as const, save } };
}
