// A chart that is kept for its download and can be clicked at a place.
import type * as Plot from "@observablehq/plot";
import { useCallback, useRef } from "preact/hooks";
import { useSvg } from "./chart";

export type Place = { readonly x: number; readonly y: number; readonly chart: Plot.Plot };

/**
 * For a `Chart` and its `Panel`; `drawn` stays the same function, so that the chart is drawn again
 * only when its options change.
 */
export function usePicture(name: string, onClick?: (place: Place) => void) {
  const { keep, picture } = useSvg(name);
  const listener = useRef(onClick);
  listener.current = onClick;
  const drawn = useCallback(
    (chart: SVGSVGElement) => {
      keep(chart);
      if (listener.current === undefined) return;
      chart.style.cursor = "pointer";
      chart.addEventListener("click", (event) => {
        const { left, top } = chart.getBoundingClientRect();
        const plot = chart as SVGSVGElement & Plot.Plot;
        listener.current?.({ x: event.clientX - left, y: event.clientY - top, chart: plot });
      });
    },
    [keep],
  );
  return { drawn, picture };
}

/** The value on a scale at a place of the chart, if it is inside the frame's range. */
export function valueAt(chart: Plot.Plot, scale: "x" | "y" | "fy", at: number): number | undefined {
  return chart.scale(scale)?.invert?.(at);
}
