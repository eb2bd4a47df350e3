// What the address asks of the list of ablations.
import { useMemo } from "preact/hooks";
import { type Asked, type Line, linesOf } from "../../model/listing";
import { factsOf, type Listing } from "../../model/outcomes";
import type { Measure, Report } from "../../page/report";
import { wholeIn } from "../../state/chosen";
import { set } from "../../state/fragment";
import { useChoice, useKey } from "../../state/usekey";

/** The measure that the address asks for, or the first. */
export function useMeasure(report: Report): { readonly measure: Measure; readonly place: number } {
  const { measures } = factsOf(report);
  const name = useChoice(measureOptions(report));
  const place = Math.max(
    measures.findIndex((each) => each.name === name),
    0,
  );
  return { measure: measures[place]!, place };
}

export function measureOptions(report: Report) {
  const { measures } = factsOf(report);
  return { of: "measure", values: measures.map(({ name }) => [name, name] as const) };
}

/** The ways to put the list in order. */
export function orderOptions({ unit, p }: Measure) {
  const [most, least] =
    unit === "pp" ? ["largest drop", "smallest drop"] : ["largest rise", "largest fall"];
  return {
    of: "order",
    values: [
      ["-value", most],
      ["value", least],
      ["site", "site"],
      ["-site", "site, last first"],
      ["units", "units"],
      ["-units", "units, most first"],
      ...(p === ""
        ? []
        : [["p", "adjusted p"] as const, ["-p", "adjusted p, largest first"] as const]),
      ["method", "method"],
      ["-method", "method, last first"],
      ["design", "design"],
      ["-design", "design, last first"],
    ] as const,
  };
}

export interface List {
  readonly asked: Asked;
  readonly lines: readonly Line[];
  /** Ids of the ablations found, in order; those of closed sites too. */
  readonly ids: readonly number[];
}

/** The list as the address asks for it. */
export function useList(listing: Listing, measure: Measure): List {
  const [find, by, open] = [useKey("find"), useKey("by"), useKey("open")];
  const order = useChoice(orderOptions(measure));
  return useMemo(() => {
    const asked = { find, order, bySite: by === "site", open: placesIn(open) };
    const lines = linesOf(listing, asked, measure);
    const all = asked.bySite
      ? linesOf(listing, { ...asked, open: listing.sites.map((_, place) => place) }, measure)
      : lines;
    return { asked, lines, ids: all.flatMap((line) => (line.kind === "ablation" ? line.id : [])) };
  }, [listing, measure, find, order, by, open]);
}

function placesIn(text: string): number[] {
  return text.split(",").flatMap((each) => wholeIn(each) ?? []);
}

/** Opens a site, or closes it. */
export function toggle({ open }: Asked, place: number): void {
  const next = open.includes(place) ? open.filter((each) => each !== place) : [...open, place];
  set({ open: next.join(",") || null }, true);
}
