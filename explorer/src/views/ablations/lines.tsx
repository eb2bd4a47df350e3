// The lines of the list: an ablation, or a site with its mean.
import type { Asked, Line } from "../../model/listing";
import { unitsName } from "../../model/names";
import type { Listing, Measured } from "../../model/outcomes";
import type { Measure } from "../../page/report";
import { count, fixed, pText, short, valueText } from "../../shared/numbers";
import { several } from "../../shared/words";
import { linkTo } from "../../state/fragment";
import { toggle } from "./asked";

interface Place {
  readonly at: number;
  readonly style: Readonly<Record<string, string>>;
  /** Whether Tab reaches it. */
  readonly stop: boolean;
}

export interface AblationLineProps extends Place {
  readonly listing: Listing;
  readonly measure: Measure;
  readonly id: number;
  readonly chosen: boolean;
  /** Whether it stands under its site. */
  readonly inside: boolean;
  readonly narrow: boolean;
  /** Where bars end. */
  readonly end: number;
}

export function AblationLine(props: AblationLineProps) {
  const { listing, measure, id, at, style, stop, chosen, inside, narrow, end } = props;
  const { site, units, text, method, design, row } = listing.listed[id]!;
  const measured = listing.measured(id, measure);
  const p = listing.p(id, measure);
  const { methods, designs } = listing.several;
  const name = units.length > 0 ? unitsName(units) : text;
  const more = [methods ? method : "", designs ? design : ""].filter(Boolean).join(", ");
  return (
    <tr
      class={`list-line ${chosen ? "list-chosen" : ""} ${inside ? "list-inside" : ""}`}
      style={style}
      aria-rowindex={at + 2}
      data-ablation={id}
    >
      <td class="list-site" title={site}>
        {inside && !narrow ? "" : site}
      </td>
      <td class="list-units" title={`units ${text}`}>
        <a
          href={linkTo({ view: "explore", ablation: String(id) })}
          data-line={at}
          tabIndex={stop ? 0 : -1}
          aria-current={chosen ? "true" : undefined}
        >
          {name}
          <span class="unseen"> of {site}</span>
        </a>
        {narrow && more && <span class="list-more">, {more}</span>}
      </td>
      {!narrow && methods && (
        <td class="list-method" title={method}>
          {method}
        </td>
      )}
      {!narrow && designs && (
        <td class="list-design" title={design}>
          {design}
        </td>
      )}
      <Value measured={measured} measure={measure} end={end} />
      <td class="list-p">
        {Number.isFinite(p) ? (narrow ? pText(p) : pShort(p)) : ""}
        {row < 0 && <span class="unseen"> (outcomes by example are not in the page)</span>}
      </td>
    </tr>
  );
}

export interface SiteLineProps extends Place {
  readonly line: Extract<Line, { kind: "site" }>;
  readonly measure: Measure;
  readonly asked: Asked;
  readonly end: number;
}

export function SiteLine({ line, measure, asked, at, style, stop, end }: SiteLineProps) {
  const { site, place, open, found, mean, ofAll } = line;
  return (
    <tr class="list-line list-heading" style={style} aria-rowindex={at + 2} data-site={site}>
      <td class="list-site" title={site}>
        <button
          type="button"
          data-line={at}
          tabIndex={stop ? 0 : -1}
          aria-expanded={open}
          onClick={() => toggle(asked, place)}
        >
          <span aria-hidden="true">{open ? "▾" : "▸"}</span> {site}
        </button>
      </td>
      <td class="list-units">
        mean of {several(found, "ablation")}
        {ofAll ? "" : " found"}
      </td>
      <Value measured={mean} measure={measure} end={end} />
    </tr>
  );
}

interface ValueProps {
  readonly measured: Measured;
  readonly measure: Measure;
  readonly end: number;
}

/** The number with its interval, on a bar as long as it is large. */
function Value({ measured, measure: { unit }, end }: ValueProps) {
  const { value, low, high } = measured;
  const share = Math.min(Math.abs(value) / end, 1) || 0;
  const [number, interval] = split(
    Number.isFinite(low) ? valueText(value, { low, high }, unit) : alone(value, unit),
  );
  return (
    <td class="list-value" data-exact={value}>
      <span class="list-track" aria-hidden="true">
        <span
          class={`list-bar ${value < 0 ? "list-below" : ""}`}
          style={{ width: `${(100 * share).toFixed(1)}%` }}
        />
      </span>
      <b>{number}</b> <span class="list-interval">{interval}</span>
    </td>
  );
}

/** "47.87 [46.88, 48.84] pp" in its number and its interval. */
function split(text: string): [string, string] {
  const start = text.indexOf(" [");
  if (start < 0) return [text, ""];
  return [text.slice(0, start), text.slice(start + 1).replace(/\u00a0pp$/, "")];
}

function alone(value: number, unit: string): string {
  if (!Number.isFinite(value)) return "not measured";
  return unit === "pp" ? fixed(value) : short(value);
}

function pShort(p: number): string {
  return p < 0.001 ? "< 0.001" : p.toPrecision(2);
}

/** "Of 5,000 ablations". */
export function countOf(n: number): string {
  return n === 1 ? "1 ablation" : `${count(n)} ablations`;
}
