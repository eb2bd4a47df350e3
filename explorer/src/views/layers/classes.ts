// Single classes: the mean drop of each, layer by layer.
import { mean, numberAt, where } from "../../model/columns";
import type { Setting, Tables } from "../../model/tables";
import { classIn } from "../../state/chosen";

/** One class's mean drop by layer, in forward order; NaN where nothing was measured. */
export interface ClassCurve {
  readonly index: number;
  readonly drop: readonly number[];
  readonly low: readonly number[];
  readonly high: readonly number[];
  /** Mean over the layers. */
  readonly mean: number;
}

/** The curves of all classes, in the order of the network's outputs. */
export function classCurves({ classes, sites }: Tables, setting: Setting): ClassCurve[] {
  const { method, proportion, top } = setting;
  const place = new Map(sites.map(({ site }, i) => [site, i]));
  const site = classes.column<string>("site");
  const found = new Map<number, { drop: number[]; low: number[]; high: number[] }>();
  for (const row of where(classes, { method, proportion, top })) {
    const at = place.get(site[row] ?? "");
    if (at === undefined) continue;
    const index = numberAt(classes, "class_index", row);
    const curve = found.get(index) ?? emptyCurve(sites.length);
    curve.drop[at] = numberAt(classes, "drop_pp", row);
    curve.low[at] = numberAt(classes, "drop_low_pp", row);
    curve.high[at] = numberAt(classes, "drop_high_pp", row);
    found.set(index, curve);
  }
  const curves = [...found].map(([index, curve]) => ({ index, ...curve, mean: mean(curve.drop) }));
  return curves.sort((a, b) => a.index - b.index);
}

function emptyCurve(sites: number) {
  const empty = () => new Array<number>(sites).fill(Number.NaN);
  return { drop: empty(), low: empty(), high: empty() };
}

/** By the mean over the layers, the classes that lose most and those that lose least. */
export function mostAndLeast(curves: readonly ClassCurve[], most = 3, least = 2): number[] {
  const order = curves.filter((curve) => Number.isFinite(curve.mean));
  order.sort((a, b) => b.mean - a.mean);
  const chosen = new Set([...order.slice(0, most), ...order.slice(-least)]);
  return order.filter((curve) => chosen.has(curve)).map(({ index }) => index);
}

/** Classes from the address, "3,5"; those chosen by `otherwise` while it does not say. */
export function classesIn(text: string, count: number, otherwise: readonly number[]): number[] {
  if (text === "") return [...otherwise];
  return [...new Set(text.split(",").flatMap((part) => classIn(part, count) ?? []))];
}

/** With a class added or removed; beyond `most` the first goes. */
export function toggled(chosen: readonly number[], index: number, most: number): number[] {
  if (chosen.includes(index)) return chosen.filter((each) => each !== index);
  return [...chosen, index].slice(-most);
}
