// What the views of a report of outcomes show by example.
import type { Report } from "../page/report";
import { type ExampleCards, loadCards } from "./cards";
import { loadReadings, type Readings } from "./changes";
import { carriedOf, evaluationOf, type Listing, loadListing } from "./outcomes";
import { type Ablation, type Examples, loadExamples, loadOutcomes, type Sweep } from "./sweep";

interface Common {
  readonly listing: Listing;
  readonly examples: Examples;
  readonly cards: ExampleCards;
}

/** Outcomes that are classes, as a sweep; all others, as numbers by measure. */
export type Bench = Common &
  (
    | { readonly kind: "classes"; readonly sweep: Sweep }
    | { readonly kind: "numbers"; readonly readings: Readings }
  );

export function isOfClasses(report: Report): boolean {
  return report.readout === "classification";
}

/** Args: the measure's place among all measures. */
export async function loadBench(report: Report, place: number): Promise<Bench> {
  const [listing, examples, cards] = await Promise.all([
    loadListing(report),
    loadExamples(),
    loadCards(report),
  ]);
  const common = { listing, examples, cards };
  if (!isOfClasses(report))
    return { ...common, kind: "numbers", readings: await loadReadings(place) };
  const make = await loadOutcomes(evaluationOf(report));
  return { ...common, kind: "classes", sweep: make(carriedOf(listing)) };
}

/** The ablation of a sweep that a row of the list is of; undefined where the page carries none. */
export function inSweep({ listed }: Listing, sweep: Sweep, id: number): Ablation | undefined {
  const row = listed[id]?.row ?? -1;
  return row < 0 ? undefined : sweep.ablations.find((each) => each.row === row);
}

/** The row in the list of an ablation of the sweep. */
export function idOf({ listed }: Listing, { row }: Ablation): number {
  return listed.findIndex((each) => each.row === row);
}
