// Stands in for the examples where the page does not carry the outcomes of an ablation.
import { ablationName } from "../../model/names";
import { type Listing, nearestCarried } from "../../model/outcomes";
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
