// Stands in for the examples where the page does not carry the outcomes of an ablation.
import { ablationName } from "../../model/names";
import type { Listing } from "../../model/outcomes";
import type { Measure, Report } from "../../page/report";
import { count, valueText } from "../../shared/numbers";
import { set } from "../../state/fragment";

export interface NotCarriedProps {
  readonly report: Report;
  readonly listing: Listing;
  readonly measure: Measure;
  readonly id: number;
}

export function NotCarried({ report, listing, measure, id }: NotCarriedProps) {
  const carried = listing.listed.filter(({ row }) => row >= 0).length;
  const other = nearestCarried(listing, measure, id);
  const measured = other === null ? null : listing.measured(other, measure);
  const named = other === null ? null : { ...listing.listed[other]!, more: {} };
  return (
    <div class="outcomes-absent">
      <p>
        The page has the effect of every ablation, and outcomes by example of {count(carried)} of{" "}
        {count(listing.listed.length)}: evenly spread from the costliest to the cheapest. Those of
        this one are not among them.
      </p>
      {other !== null && named && measured && (
        <button type="button" onClick={() => set({ ablation: String(other) })}>
          Show {ablationName(report, named)}: {valueText(measured.value, measured, measure.unit)}
        </button>
      )}
    </div>
  );
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
