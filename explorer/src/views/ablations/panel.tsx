// The list with what asks of it: words to find, an order, by site or not.

import { rowAt } from "../../model/columns";
import { ablationName } from "../../model/names";
import type { Listing } from "../../model/outcomes";
import type { Measure, Report } from "../../page/report";
import { Choice } from "../../shared/choice";
import { count, valueText } from "../../shared/numbers";
import { Panel } from "../../shared/panel";
import { several } from "../../shared/words";
import { set } from "../../state/fragment";
import { useKey } from "../../state/usekey";
import { type List, measureOptions, orderOptions } from "./asked";
import { AblationList } from "./list";

export interface AblationsPanelProps {
  readonly report: Report;
  readonly listing: Listing;
  readonly measure: Measure;
  readonly list: List;
  readonly chosen: number;
  readonly most: number;
  /** Whether it stands alone, and says what there is; else it stands beside what it chooses. */
  readonly alone: boolean;
}

const HELP =
  "Every ablation with what it costs over all examples, its 95 % interval and its p, adjusted for " +
  "all of them. A number in the search box is a unit, whole, or stands in the site's name (“12”, " +
  "“3,15”); other words stand in the site's name, the method or the design; all must be found. A " +
  "click on a heading puts the list in order. A site's mean is over all its ablations, its interval " +
  "over the examples; where only some are found, over these and without one. A click on an ablation " +
  "shows it. By keyboard: Tab to the list, arrows, Page Up and Down, Home and End along it, Enter " +
  "opens. The CSV has the ablations found, in their order, with all columns.";

export function AblationsPanel(props: AblationsPanelProps) {
  const { report, listing, measure, list, chosen, most, alone } = props;
  const { asked, ids } = list;
  return (
    <Panel
      name="ablations"
      title="Ablations"
      announced={alone}
      says={said(report, listing, measure, list)}
      help={HELP}
      csv={() => ids.map((id) => rowAt(listing.table, id))}
    >
      <div class="choices list-choices">
        <label class="choice list-find">
          <span>Find</span>
          <input
            type="search"
            data-key="find"
            placeholder="site or unit"
            value={useKey("find")}
            onInput={({ currentTarget }) => set({ find: currentTarget.value || null }, true)}
          />
        </label>
        <Choice label="Sorted by" {...orderOptions(measure)} />
        {listing.facts.measures.length > 1 && (
          <Choice label="Measure" {...measureOptions(report)} />
        )}
        {listing.sites.length > 1 && <BySite listing={listing} list={list} />}
      </div>
      <AblationList listing={listing} measure={measure} list={list} chosen={chosen} most={most} />
      {asked.find !== "" && ids.length > 0 && (
        <p class="note" role="status">
          {several(ids.length, "ablation")} found of {count(listing.listed.length)}.
        </p>
      )}
    </Panel>
  );
}

function BySite({ listing, list: { asked } }: { readonly listing: Listing; readonly list: List }) {
  const all = listing.sites.length;
  const isOpen = asked.open.length > 0;
  const every = listing.sites.map((_, place) => place).join(",");
  return (
    <>
      <button
        type="button"
        aria-pressed={asked.bySite}
        onClick={() => set({ by: asked.bySite ? null : "site" })}
      >
        By site
      </button>
      {asked.bySite && (
        <button type="button" onClick={() => set({ open: isOpen ? null : every }, true)}>
          {isOpen ? "Close all" : `Open all ${count(all)}`}
        </button>
      )}
    </>
  );
}

function said(report: Report, listing: Listing, measure: Measure, { ids, asked }: List): string {
  const { listed, sites } = listing;
  const all = `${several(listed.length, "ablation")} of ${several(sites.length, "site")}`;
  const some = asked.find === "" ? `${all}.` : `${count(ids.length)} of ${all} are found.`;
  const first = listed[ids[0] ?? -1];
  if (first === undefined) return some;
  const { more: _, ...ablation } = { ...first, more: {} };
  const name = ablationName(report, { ...ablation, more: {} });
  const measured = listing.measured(first.id, measure);
  const what = measure.unit === "pp" ? "drop" : `change of ${measure.name}`;
  return `${some} First: ${name}, ${what} ${valueText(measured.value, measured, measure.unit)}.`;
}
