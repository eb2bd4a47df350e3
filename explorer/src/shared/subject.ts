// What a panel's numbers are about: it names the files, and comes before the rows of a CSV.
import { useLayoutEffect } from "preact/hooks";
import type { Cell, Row } from "../page/blocks";

const OF_LAYER = ["site", "method", "proportion", "top"];
const BY_EXAMPLE = ["evaluation", "units", "site", "method", "proportion", "group", "ablation"]; // top-1 always

/** By panel: the facts that its numbers depend on, in order; none for those that are not here. */
const DEPENDS: Readonly<Record<string, readonly string[]>> = {
  units: ["evaluation", ...OF_LAYER],
  weights: ["units"],
  map: BY_EXAMPLE,
  "map-needs": BY_EXAMPLE,
  effects: BY_EXAMPLE,
  "taken-for": [...BY_EXAMPLE, "class"],
  changes: BY_EXAMPLE,
  "change-groups": BY_EXAMPLE,
  examples: BY_EXAMPLE,
  pairs: ["evaluation", "site", "method"],
  strongest: ["evaluation", "site", "method"],
  "score-and-drop": ["evaluation"],
  "scores-compared": ["evaluation"],
  layers: ["method", "top"],
  "layer-classes": ["method", "proportion", "top"],
  "layer-groups": OF_LAYER,
  "layer-group": ["site", "method", "proportion", "anchor", "draw"],
  recovery: ["experiment", "site", "top"],
  "recovery-classes": ["site", "top"],
  "recovery-counts": ["site", "top"],
  "recovery-change": ["site"],
  "recovery-undone": ["site"],
};

/** Facts whose value alone does not say what it is. */
const SPELLED = ["proportion", "top", "group", "anchor", "draw", "class", "ablation"];

/** What the views on screen have told, as they resolved it from the address. */
const told: Record<string, Cell> = {};

/** Tells facts, such as the layer that is open, while the component is on screen. */
export function useTold(facts: Row): void {
  useLayoutEffect(() => {
    Object.assign(told, facts);
    return () => {
      for (const key of Object.keys(facts)) delete told[key];
    };
  }, [JSON.stringify(facts)]);
}

/** What a panel's numbers are about, as columns. `units` count from 0; "" is the intact network. */
export function subjectOf(panel: string, facts: Row = told): Row {
  const there = (DEPENDS[panel] ?? []).filter((key) => (facts[key] ?? null) !== null);
  return Object.fromEntries(there.map((key) => [key, facts[key] ?? null]));
}

/** "RUN-effects-published-3,15": the name of a file without its ending. */
export function fileName(stem: string, panel = stem, facts: Row = told): string {
  const parts = Object.entries(subjectOf(panel, facts)).map(([key, value]) => partOf(key, value));
  const all = [facts.run ?? "", stem, ...parts].filter((part) => part !== "");
  return all.map((part) => String(part).replace(/[^\p{L}\p{N}.,_-]+/gu, "_")).join("-");
}

function partOf(key: string, value: Cell): string {
  if (value === "") return "intact";
  return SPELLED.includes(key) ? `${key}_${value}` : String(value);
}

/** The same for a line below a picture's title; units are numbered as the reader counts. */
export function subjectWords(panel: string, facts: Row = told): string {
  const first = Number(facts.first_unit ?? 0);
  const words = Object.entries(subjectOf(panel, facts)).map(([key, value]) => {
    if (value === "") return "intact network";
    if (key !== "units") return `${key} ${value}`;
    const numbers = String(value).split(",");
    return `${numbers.length > 1 ? "units" : "unit"} ${numbers.map((n) => Number(n) + first).join(", ")}`;
  });
  return [facts.run ? `run ${facts.run}` : "", ...words].filter(Boolean).join(" · ");
}
