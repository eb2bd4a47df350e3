// The bars of what the selected examples need.
import * as Plot from "@observablehq/plot";
import { ablationName } from "../../model/names";
import { State } from "../../model/sweep";
import type { Palette } from "../../state/theme";
import { inPercent, type Need } from "./needs";
import type { Told } from "./rows";

export function bars(
  told: Pick<Told, "report" | "ablation">,
  needs: readonly Need[],
  width: number,
  look: Palette,
): Plot.PlotOptions {
  const rows = needs.map(({ ablation, share, interval, overall }, i) => ({
    key: String(i),
    name: ablationName(told.report, ablation),
    share: 100 * share,
    overall: 100 * overall,
    opacity: ablation.row === told.ablation?.row ? 1 : 0.65,
    ...inPercent(interval),
  }));
  const longest = Math.max(...rows.map(({ name }) => name.length));
  const marginLeft = Math.min(7 * longest + 14, 0.45 * width);
  return {
    marginLeft,
    marginTop: 4,
    marginBottom: 34,
    height: 24 * rows.length + 38,
    x: { label: "lost, % →", labelArrow: "none", domain: [0, 100], grid: true },
    y: { label: null, domain: rows.map(({ key }) => key) },
    marks: [
      Plot.axisY({
        tickSize: 0,
        tickFormat: (key: string) => rows[Number(key)]?.name ?? "",
        lineWidth: marginLeft / 12 - 1,
        textOverflow: "ellipsis-end",
      }),
      Plot.barX(rows, {
        x: "share",
        y: "key",
        fill: look.states[State.LOST],
        fillOpacity: "opacity",
        insetTop: 2,
        insetBottom: 2,
      }),
      Plot.ruleY(rows, { x1: "low", x2: "high", y: "key", strokeWidth: 1.5 }),
      Plot.dot(rows, {
        x: "overall",
        y: "key",
        symbol: "diamond",
        r: 4,
        fill: look.paper,
        stroke: "currentColor",
      }),
    ],
  };
}

/** Which bar was hit, -1 for none: Plot binds the index of its row to what it draws. */
export function barHit(target: EventTarget | null): number {
  const bound = (target as { readonly __data__?: unknown } | null)?.__data__;
  return typeof bound === "number" ? bound : -1;
}
