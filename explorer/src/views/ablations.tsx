// All ablations of a report of outcomes, in a list that can be searched.
import { type Listing, loadListing } from "../model/outcomes";
import type { Report } from "../page/report";
import { Loaded } from "../shared/loaded";
import { wholeIn } from "../state/chosen";
import { useKey } from "../state/usekey";
import { useList, useMeasure } from "./ablations/asked";
import { AblationsPanel } from "./ablations/panel";

export function Ablations({ report }: { readonly report: Report }) {
  return (
    <Loaded of="listing" load={() => loadListing(report)}>
      {(listing) => <Shown report={report} listing={listing} />}
    </Loaded>
  );
}

function Shown({ report, listing }: { readonly report: Report; readonly listing: Listing }) {
  const { measure } = useMeasure(report);
  const list = useList(listing, measure);
  const most = Math.max(340, Math.round(0.68 * innerHeight));
  const chosen = wholeIn(useKey("ablation")) ?? -1;
  return <AblationsPanel report={report} {...{ listing, measure, list, chosen, most }} alone />;
}
