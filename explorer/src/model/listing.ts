// The list of ablations: found by words, in an order, by site, and of that the part in view.
import type { Measure } from "../page/report";
import type { Listed, Listing, Measured } from "./outcomes";

/** What the address asks of the list. */
export interface Asked {
  readonly find: string;
  /** A column's key, with "-" before it for the largest first. */
  readonly order: string;
  /** Whether ablations stand under their site. */
  readonly bySite: boolean;
  /** Sites whose ablations are shown, by their place among all sites; while ablations are by site. */
  readonly open: readonly number[];
}

/** A line of the list: an ablation, or the heading of a site. */
export type Line =
  | { readonly kind: "ablation"; readonly id: number }
  | {
      readonly kind: "site";
      readonly place: number;
      readonly site: string;
      readonly open: boolean;
      /** Its ablations that are found. */
      readonly found: number;
      /** Over all its ablations, or over those found, without an interval. */
      readonly mean: Measured;
      readonly ofAll: boolean;
    };

/**
 * The ablations that all words are found in.
 *
 * Numbers ("12" or "3,15") are units, whole, or stand in the site's name; other words stand in the
 * site's name, the method or the design.
 */
export function found(listed: readonly Listed[], text: string): number[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const fits = ({ site, units, text: own, method, design }: Listed) => {
    const names = `${site} ${method} ${design} ${units.length > 0 ? "" : own}`.toLowerCase();
    return words.every((word) => {
      const numbers = /^\d+(,\d+)*,?$/.test(word)
        ? word.split(",").filter(Boolean).map(Number)
        : [];
      const areUnits = numbers.length > 0 && numbers.every((unit) => units.includes(unit));
      return areUnits || names.includes(word);
    });
  };
  return listed.filter(fits).map(({ id }) => id);
}

/** A column's value of an ablation, by which it is put in order. */
export type Key = (id: number) => number | string;

/** How the list is put in order, by the columns' keys. */
export function keysOf(listing: Listing, measure: Measure): Readonly<Record<string, Key>> {
  const { listed, sites } = listing;
  const places = new Map(sites.map(({ site }, place) => [site, place]));
  return {
    site: (id) => places.get(listed[id]?.site ?? "") ?? -1, // in forward order, as they came
    units: (id) => 1e9 * (listed[id]?.units.length ?? 0) + (listed[id]?.units[0] ?? 0),
    method: (id) => listed[id]?.method ?? "",
    design: (id) => listed[id]?.design ?? "",
    value: (id) => listing.measured(id, measure).value,
    p: (id) => listing.p(id, measure),
  };
}

/** In the order asked for; what has no value comes last, and equal ones stay as they came. */
export function ordered(
  ids: readonly number[],
  order: string,
  keys: Readonly<Record<string, Key>>,
) {
  const descending = order.startsWith("-");
  const key = keys[descending ? order.slice(1) : order];
  if (key === undefined) return [...ids];
  const known = new Map(ids.map((id) => [id, key(id)]));
  const absent = (value: number | string | undefined) => Number.isNaN(value);
  return [...ids].sort((a, b) => {
    const [one, two] = [known.get(a) ?? "", known.get(b) ?? ""];
    if (absent(one) || absent(two)) return Number(absent(one)) - Number(absent(two)) || a - b;
    const sign = one < two ? -1 : one > two ? 1 : 0;
    return (descending ? -sign : sign) || a - b;
  });
}

/** The lines of the list: all ablations, or the sites with those of the open ones. */
export function linesOf(listing: Listing, asked: Asked, measure: Measure): Line[] {
  const { listed, sites } = listing;
  const keys = keysOf(listing, measure);
  const ids = ordered(found(listed, asked.find), asked.order, keys);
  if (!asked.bySite) return ids.map((id) => ({ kind: "ablation", id }));
  const own = new Map<string, number[]>();
  for (const id of ids) {
    const site = listed[id]?.site ?? "";
    const some = own.get(site);
    if (some) some.push(id);
    else own.set(site, [id]);
  }
  const headings = sites.flatMap(({ site, mean, ablations }, place) => {
    const some = own.get(site);
    if (some === undefined) return [];
    const ofAll = some.length === ablations;
    const all = mean[measure.name] ?? NOTHING;
    const open = asked.open.includes(place);
    const shown = ofAll ? all : meanOf(some.map((id) => listing.measured(id, measure).value));
    return [{ kind: "site" as const, place, site, open, found: some.length, mean: shown, ofAll }];
  });
  return sortedSites(headings, asked.order).flatMap((heading): Line[] => [
    heading,
    ...(heading.open ? (own.get(heading.site) ?? []).map((id) => ablationLine(id)) : []),
  ]);
}

function ablationLine(id: number): Line {
  return { kind: "ablation", id };
}

const NOTHING = { value: Number.NaN, low: Number.NaN, high: Number.NaN };

function meanOf(values: readonly number[]): Measured {
  const there = values.filter(Number.isFinite);
  return { ...NOTHING, value: there.reduce((sum, each) => sum + each, 0) / there.length };
}

/** Sites by their mean where ablations are by their value, else in forward order. */
function sortedSites<T extends { readonly mean: Measured; readonly place: number }>(
  sites: readonly T[],
  order: string,
): T[] {
  if (order === "-site") return [...sites].reverse();
  if (order !== "value" && order !== "-value") return [...sites];
  const sign = order === "value" ? 1 : -1;
  const size = ({ mean }: T) => (Number.isNaN(mean.value) ? Number.NEGATIVE_INFINITY : mean.value);
  return [...sites].sort((a, b) => sign * (size(a) - size(b)) || a.place - b.place);
}

/** Which lines are made: those in view, and some around them. */
export function windowOf(
  top: number,
  height: number,
  line: number,
  n: number,
): { readonly first: number; readonly last: number } {
  const around = 8;
  const first = Math.floor(top / line) - around;
  const last = Math.ceil((top + height) / line) + around;
  return { first: Math.min(Math.max(first, 0), n), last: Math.min(Math.max(last, 0), n) };
}

/** Where the list is to stand so that a line is whole in view, staying where it already is. */
export function scrolledTo(at: number, top: number, height: number, line: number): number {
  if (at * line < top) return at * line;
  if ((at + 1) * line > top + height) return (at + 1) * line - height;
  return top;
}

/** The line that a key leads to; null for other keys. */
export function movedTo(key: string, now: number, n: number, page: number): number | null {
  const to: Readonly<Record<string, number>> = {
    ArrowDown: now + 1,
    ArrowUp: now - 1,
    PageDown: now + page,
    PageUp: now - page,
    Home: 0,
    End: n - 1,
  };
  const next = to[key];
  return next === undefined || n === 0 ? null : Math.min(Math.max(next, 0), n - 1);
}

/** The order that a click on a heading asks for: numbers the largest first, all else from the start. */
export function orderAfter(key: string, order: string): string {
  const first = key === "value" ? "-value" : key;
  if (order !== first) return first;
  return first.startsWith("-") ? first.slice(1) : `-${first}`;
}
