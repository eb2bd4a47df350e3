// The ablations of a report of outcomes: what each is and costs, and the sites they belong to.
import { type Table, table } from "../page/blocks";
import { keptByName } from "../page/once";
import type { Evaluation, Measure, OutcomesFacts, Report } from "../page/report";
import { number, rowAt } from "./columns";
import type { Interval } from "./interval";
import { type Ablation, ablationFrom, unitsOf } from "./sweep";

/** An ablation as the list shows it. */
export interface Listed {
  /** Its row in the table of ablations; the address names it so. */
  readonly id: number;
  readonly site: string;
  readonly units: readonly number[];
  /** As the table has them: numbers, or words of an ablation of several sites. */
  readonly text: string;
  readonly method: string;
  readonly design: string;
  /** Its row in the outcomes by example; -1 where the page does not carry them. */
  readonly row: number;
}

/** A number with its interval; NaN where it was not measured. */
export interface Measured extends Interval {
  readonly value: number;
}

/** A site with its mean over all its ablations. */
export interface SiteMean {
  readonly site: string;
  readonly ablations: number;
  /** By measure. */
  readonly mean: Readonly<Record<string, Measured>>;
}

export interface Listing {
  readonly table: Table;
  readonly facts: OutcomesFacts;
  readonly listed: readonly Listed[];
  readonly sites: readonly SiteMean[];
  /** Whether there are several methods, and several designs. */
  readonly several: { readonly methods: boolean; readonly designs: boolean };
  /** The interval of an ablation's number. */
  measured(id: number, measure: Measure): Measured;
  /** Its adjusted p; NaN without one. */
  p(id: number, measure: Measure): number;
}

const kept = keptByName<Listing>();

export async function loadListing(report: Report): Promise<Listing> {
  const { name } = evaluationOf(report);
  return kept(name, async () =>
    listingOf(factsOf(report), await table(`ablations-${name}`), await table("sites")),
  );
}

export function evaluationOf({ evaluations: [first] }: Report): Evaluation {
  if (first === undefined) throw new Error("this report has no evaluation");
  return first;
}

/** What a report of outcomes says beyond what all reports do. */
export function factsOf(report: Report): OutcomesFacts {
  const { readout = "", measures = [], columns = [], total = 0, to_precision = false } = report;
  return {
    readout,
    measures,
    total,
    columns,
    to_precision,
    cards: report.cards ?? { kind: "none", note: "" },
  };
}

export function listingOf(facts: OutcomesFacts, found: Table, sites: Table): Listing {
  const column = (name: string) => found.column<string>(name);
  const [site, units, method, design] = ["site", "units", "method", "design"].map(column);
  const row = found.column<number>("row");
  const listed = Array.from({ length: found.length }, (_, id) => ({
    id,
    site: site?.[id] ?? "",
    units: numbersIn(units?.[id] ?? ""),
    text: units?.[id] ?? "",
    method: method?.[id] ?? "",
    design: design?.[id] ?? "",
    row: row[id] ?? -1,
  }));
  const at = (name: string, id: number) =>
    name === "" || !found.names.includes(name)
      ? Number.NaN
      : number(found.column<number>(name)[id]);
  return {
    table: found,
    facts,
    listed,
    sites: siteMeans(sites),
    several: { methods: distinctOf(method) > 1, designs: distinctOf(design) > 1 },
    measured: (id, { value, low, high }) => ({
      value: at(value, id),
      low: at(low, id),
      high: at(high, id),
    }),
    p: (id, { p }) => at(p, id),
  };
}

/** Units as numbers; none where the text is not all numbers. */
function numbersIn(text: string): number[] {
  return /^\d+(,\d+)*$/.test(text) ? unitsOf(text) : [];
}

function distinctOf(column: ArrayLike<string> | undefined): number {
  return new Set(Array.from(column ?? [])).size;
}

function siteMeans(sites: Table): SiteMean[] {
  const bySite = new Map<string, { ablations: number; mean: Record<string, Measured> }>();
  for (const row of sites.rows()) {
    const name = String(row.site);
    const own = bySite.get(name) ?? { ablations: number(row.ablations), mean: {} };
    own.mean[String(row.measure)] = {
      value: number(row.mean),
      low: number(row.low),
      high: number(row.high),
    };
    bySite.set(name, own);
  }
  return [...bySite].map(([site, own]) => ({ site, ...own }));
}

/**
 * All ablations of a listing whose outcomes by example the page carries.
 *
 * A pair counts as one only where both its singles are among them: the states of its examples ask
 * these.
 */
export function carriedOf({ table: found, listed }: Listing): Ablation[] {
  const there = listed.filter(({ row }) => row >= 0);
  const key = ({ site, method }: Listed, unit: number | undefined) =>
    JSON.stringify([site, method, unit]);
  const singles = new Set(
    there.filter(({ units }) => units.length === 1).map((each) => key(each, each.units[0])),
  );
  return there.map((each) => {
    const { row: _, ...columns } = rowAt(found, each.id);
    const isPair =
      each.units.length === 2 && each.units.every((unit) => singles.has(key(each, unit)));
    const design = isPair ? "pairs" : each.design === "pairs" ? "two units" : each.design;
    return { ...ablationFrom(columns, each.row), units: each.units, design };
  });
}

/** Of the carried ablations, of the same site if it has any, the one with the nearest number. */
export function nearestCarried(listing: Listing, measure: Measure, id: number): number | null {
  const { listed, measured } = listing;
  const carried = listed.filter(({ row }) => row >= 0);
  const own = carried.filter(({ site }) => site === listed[id]?.site);
  const value = measured(id, measure).value;
  const away = (other: number) => Math.abs(measured(other, measure).value - value);
  return (own.length > 0 ? own : carried).reduce<number | null>(
    (best, each) => (best === null || away(each.id) < away(best) ? each.id : best),
    null,
  );
}
