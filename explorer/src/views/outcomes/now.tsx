// The ablation that is shown, in words, with the way to the one before it and after it.

import { numberAt } from "../../model/columns";
import { siteName, unitsName } from "../../model/names";
import type { Listing } from "../../model/outcomes";
import type { Measure, Report } from "../../page/report";
import { cellText, count, pText, valueText } from "../../shared/numbers";
import { set } from "../../state/fragment";

export interface NowProps {
  readonly report: Report;
  readonly listing: Listing;
  readonly measure: Measure;
  readonly id: number;
  /** The list's ablations, in its order. */
  readonly ids: readonly number[];
}

export function Now({ listing, measure, id, ids }: NowProps) {
  const { site, units, text, method, design } = listing.listed[id]!;
  const at = ids.indexOf(id);
  const name = units.length > 0 ? unitsName(units) : text;
  return (
    <section class="outcomes-now" aria-label="The ablation shown" data-shown={id}>
      <div class="outcomes-title">
        <h2>
          {siteName(site)}, {name}
        </h2>
        <span class="outcomes-steps">
          <Step label="Previous" to={at > 0 ? ids[at - 1] : undefined} />
          <Step label="Next" to={ids[at + 1]} />
        </span>
      </div>
      <p role="status">
        <strong>{said(listing, measure, id)}</strong>
        <span class="outcomes-more">
          {" "}
          {[
            ...counts(listing, id),
            `method ${method}`,
            `design ${design}`,
            ...own(listing, id),
          ].join(" · ")}
        </span>
      </p>
      {units.length > 4 && (
        <details class="help">
          <summary>All {count(units.length)} units</summary>
          <p>{units.join(", ")}</p>
        </details>
      )}
    </section>
  );
}

function Step({ label, to }: { readonly label: string; readonly to: number | undefined }) {
  return (
    <button
      type="button"
      disabled={to === undefined}
      title={`${label} in the list`}
      onClick={() => set({ ablation: String(to) })}
    >
      {label}
    </button>
  );
}

function said(listing: Listing, measure: Measure, id: number): string {
  const measured = listing.measured(id, measure);
  const p = listing.p(id, measure);
  const text = valueText(measured.value, measured, measure.unit);
  const what = measure.unit === "pp" ? "Drop" : `Mean change of ${measure.name}`;
  return `${what} ${text}${Number.isFinite(p) ? `, adjusted ${pText(p)}` : ""}.`;
}

/** What its design says of it, such as the anchor of a group. */
function own({ table, facts }: Listing, id: number): string[] {
  return facts.columns.flatMap((name) => {
    const value = numberAt(table, name, id);
    return Number.isNaN(value) || value === -1 ? [] : [`${name} ${cellText(value)}`];
  });
}

/** Lost and gained, where classes were measured. */
function counts({ table }: Listing, id: number): string[] {
  return ["lost", "gained"].flatMap((name) => {
    const n = numberAt(table, name, id);
    return Number.isFinite(n) ? [`${count(n)} ${name}`] : [];
  });
}
