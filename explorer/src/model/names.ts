// What units, ablations and their methods are called.
import type { Report } from "../page/report";
import type { Ablation } from "./sweep";

/** A unit as the paper's figures write it; `unit` itself counts from 0. */
export function unitNumber(report: Report, unit: number): string {
  return String(unit + report.first_unit);
}

/** "unit 12", "units 4 and 16"; "filter 3 and 5 more" for a group. */
export function ablationName(report: Report, ablation: Ablation | null): string {
  if (ablation === null) return "nothing (the intact network)";
  const { units, more, design, site } = ablation;
  if (report.kind === "outcomes") return `${siteName(site)}, ${unitsName(units)}`;
  if (report.kind === "layers") {
    const layer = `layer ${more.label ?? site}`;
    if (design === "random_groups")
      return `${layer}, random group ${more.draw}, ${units.length} filters`;
    const others = units.length - 1;
    return `${layer}, filter ${more.anchor}${others > 0 ? ` and the ${others} most similar` : ""}`;
  }
  const numbers = units.map((unit) => unitNumber(report, unit));
  return numbers.length === 1
    ? `unit ${numbers[0]}`
    : `units ${numbers.slice(0, -1).join(", ")} and ${numbers.at(-1)}`;
}

/** A site as a sentence calls it: "layer2.0", "site 3" where its name is but a number. */
export function siteName(site: string): string {
  return /^\d+$/.test(site) ? `site ${site}` : site;
}

const FIRST = 4; // units that a name spells out

/** "unit 3", "units 3 and 15", "40 units (3, 15, 17, …)". */
export function unitsName(units: readonly number[]): string {
  if (units.length === 0) return "no unit";
  if (units.length === 1) return `unit ${units[0]}`;
  if (units.length > FIRST) return `${units.length} units (${units.slice(0, 3).join(", ")}, …)`;
  return `units ${units.slice(0, -1).join(", ")} and ${units.at(-1)}`;
}

const METHODS: Readonly<Record<string, string>> = {
  zero_weights: "weights zeroed (paper)",
  silence: "silenced",
  mean: "set to their mean",
  resample: "resampled",
};

export function methodName(method: string): string {
  return METHODS[method] ?? method;
}

/** The paper's method first. */
export function inOrder(methods: readonly string[]): string[] {
  const known = Object.keys(METHODS);
  const place = (method: string) => (known.includes(method) ? known.indexOf(method) : known.length);
  return [...methods].sort((a, b) => place(a) - place(b) || a.localeCompare(b));
}
