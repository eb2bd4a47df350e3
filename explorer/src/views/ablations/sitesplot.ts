// The chart of all sites.
import * as Plot from "@observablehq/plot";
import { siteName } from "../../model/names";
import type { Listing } from "../../model/outcomes";
import type { Measure } from "../../page/report";
import { layerAxis } from "../../shared/axis";
import { type Entry, legend, tipLook } from "../../shared/look";
import { valueText } from "../../shared/numbers";
import { several } from "../../shared/words";
import type { Palette } from "../../state/theme";

/** A site: its mean with the interval, and its ablations' least and most. */
export interface Reach {
  readonly at: number;
  readonly site: string;
  readonly ablations: number;
  readonly mean: number;
  readonly low: number;
  readonly high: number;
  readonly least: number;
  readonly most: number;
  readonly says: string;
}

const [LEFT, RIGHT, FRAME] = [56, 12, 200]; // px

export function reachesOf({ sites, listed, measured }: Listing, measure: Measure): Reach[] {
  const ends = new Map<string, { least: number; most: number }>();
  for (const { id, site } of listed) {
    const { value } = measured(id, measure);
    if (Number.isNaN(value)) continue;
    const own = ends.get(site) ?? { least: value, most: value };
    ends.set(site, { least: Math.min(own.least, value), most: Math.max(own.most, value) });
  }
  return sites.map(({ site, ablations, mean }, at) => {
    const { value, low, high } = mean[measure.name] ?? NOTHING;
    const { least, most } = ends.get(site) ?? { least: Number.NaN, most: Number.NaN };
    const says = `${siteName(site)}: ${several(ablations, "ablation")}\nmean ${valueText(value, { low, high }, measure.unit)}`;
    return { at, site, ablations, mean: value, low, high, least, most, says };
  });
}

const NOTHING = { value: Number.NaN, low: Number.NaN, high: Number.NaN };

export function sitesPlot(
  reaches: readonly Reach[],
  { unit, name }: Measure,
  width: number,
  look: Palette,
): Plot.PlotOptions {
  const blue = look.series[0] ?? look.ink;
  const entries: Entry[] = [
    {
      name: "mean over the ablations, 95 % interval",
      colour: look.ink,
      symbol: "circle",
      dash: "",
    },
    { name: "from the least to the most", colour: blue, band: 0.45 },
  ];
  const { marks, height } = legend(entries, width - LEFT - RIGHT, look.ink);
  const { x, room } = layerAxis(
    reaches.map(({ site }) => site),
    width - LEFT - RIGHT,
  );
  const thin = Math.max(2, Math.min(9, (0.5 * (width - LEFT - RIGHT)) / reaches.length));
  return {
    height: height + 12 + FRAME + room,
    marginTop: height + 12,
    marginLeft: LEFT,
    marginRight: RIGHT,
    marginBottom: room,
    x: { ...x, label: null },
    y: {
      label: unit === "pp" ? "drop (pp)" : `change of ${name}`,
      labelAnchor: "center",
      labelArrow: "none",
      grid: true,
      nice: true,
      ticks: 5,
    },
    marks: [
      Plot.ruleX(reaches, {
        x: "at",
        y1: "least",
        y2: "most",
        stroke: blue,
        strokeOpacity: 0.45,
        strokeWidth: thin,
      }),
      Plot.ruleY([0], { stroke: look.soft }),
      Plot.ruleX(reaches, { x: "at", y1: "low", y2: "high", stroke: look.ink, strokeWidth: 1.3 }),
      Plot.dot(reaches, { x: "at", y: "mean", fill: look.ink, r: Math.min(3.5, thin / 2 + 1) }),
      ...marks,
      Plot.tip(reaches, Plot.pointerX({ x: "at", y: "mean", title: "says", ...tipLook(look) })),
    ],
  };
}
