// What the address chooses, as far as the tables have it.
import { methodName } from "../../model/names";
import type { Setting, Site, Tables } from "../../model/tables";
import type { ChoiceProps } from "../../shared/choice";
import { percent } from "../../shared/words";
import { allowed, wholeIn } from "../../state/chosen";
import type { Keys } from "../../state/fragment";

export interface Choices extends Setting {
  /** The layer that is open. */
  readonly site: Site | null;
  /** The anchor of the group chosen. */
  readonly group: number | null;
  /** The random group chosen; it goes before `group`. */
  readonly draw: number | null;
}

/** How filters are ablated, which share of them, and how accuracy is counted. */
export function optionsOf(
  tables: Tables,
): Readonly<Record<"method" | "proportion" | "top", ChoiceProps>> {
  const { methods, proportions, tops } = tables;
  return {
    method: { of: "method", label: "Filters are", values: methods.map((m) => [m, methodName(m)]) },
    proportion: {
      of: "proportion",
      label: "Ablated of a layer",
      values: proportions.map((share) => [String(share), percent(share)]),
      otherwise: String(nearest(proportions, 0.1)),
    },
    top: { of: "top", label: "Accuracy", values: tops.map((top) => [String(top), `top-${top}`]) },
  };
}

export function choicesOf(tables: Tables, address: Keys): Choices {
  const { method, proportion, top } = optionsOf(tables);
  return {
    method: allowed(method, address.method),
    proportion: Number(allowed(proportion, address.proportion)),
    top: Number(allowed(top, address.top)),
    site: tables.sites.find(({ site }) => site === address.site) ?? null,
    group: wholeIn(address.group),
    draw: wholeIn(address.draw),
  };
}

/** The number nearest to `wanted`; of equals the first. */
export function nearest(values: readonly number[], wanted: number): number | undefined {
  let [best, distance]: [number | undefined, number] = [undefined, Number.POSITIVE_INFINITY];
  for (const value of values) {
    const away = Math.abs(value - wanted);
    if (away < distance) [best, distance] = [value, away];
  }
  return best;
}
