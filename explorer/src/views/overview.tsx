// What the reader sees first: what was done, what came out, and what is worth a look.
import { type Listing, loadListing } from "../model/outcomes";
import { has, table } from "../page/blocks";
import type { Report } from "../page/report";
import { Loaded } from "../shared/loaded";
import { Tally, tallyText } from "../shared/tally";
import { claimOf, columnsOf, tally, type Verdict } from "../shared/verdicts";
import { linkTo } from "../state/fragment";
import { useMeasure } from "./ablations/asked";
import { Sites } from "./ablations/sites";
import { Cards } from "./overview/cards";
import "./overview/overview.css";

export function Overview({ report }: { readonly report: Report }) {
  return (
    <div class="overview">
      <p class="overview-lead">{report.lead}</p>
      <dl class="overview-numbers">
        {report.numbers.map(([label, value]) => (
          <div key={label}>
            <dt>{label}</dt>
            <dd>
              <Value text={value} />
            </dd>
          </div>
        ))}
      </dl>
      {has("claims") && (
        <Loaded of="tally" load={counted}>
          {(counts) => (
            <section class="overview-claims" aria-label="Claims">
              <p>
                {tallyText(counts)} <a href={linkTo({ view: "claims" })}>Read the claims</a>
              </p>
              <Tally counts={counts} />
            </section>
          )}
        </Loaded>
      )}
      {report.cases.length > 0 && (
        <section aria-labelledby="cases-title">
          <h2 id="cases-title">Worth a look</h2>
          <Cards report={report} />
        </section>
      )}
      {report.kind === "outcomes" && (
        <Loaded of="sites" load={() => loadListing(report)}>
          {(listing) => <OutcomeSites report={report} listing={listing} />}
        </Loaded>
      )}
      <Ways kind={report.kind} />
    </div>
  );
}

function OutcomeSites(props: { readonly report: Report; readonly listing: Listing }) {
  const { measure } = useMeasure(props.report);
  return props.listing.sites.length > 1 ? (
    <div class="overview-sites">
      <Sites listing={props.listing} measure={measure} />
    </div>
  ) : null;
}

/** A number large, its interval small: "47.87 pp [46.84, 48.88]". */
function Value({ text }: { readonly text: string }) {
  const start = text.indexOf(" [");
  if (start < 0) return <>{text}</>;
  return (
    <>
      {text.slice(0, start)} <small>{text.slice(start)}</small>
    </>
  );
}

async function counted(): Promise<Record<Verdict, number>> {
  const found = await table("claims");
  const columns = columnsOf(found.names);
  return tally(found.rows().map((row) => claimOf(row, columns)));
}

function Ways({ kind }: { readonly kind: Report["kind"] }) {
  return (
    <section aria-labelledby="ways-title">
      <h2 id="ways-title">How to find your way</h2>
      <ul class="overview-ways">
        {kind === "outcomes" && (
          <li>
            In <a href={linkTo({ view: "ablations" })}>Ablations</a>, find a site or a unit; a click
            on one opens it in <a href={linkTo({ view: "explore" })}>Explore</a>: what became of
            each example, of each class, and the examples themselves.
          </li>
        )}
        {kind === "mlp" && (
          <li>
            In <a href={linkTo({ view: "explore" })}>Explore</a>, click a unit, then a second one:
            the map, the bars and the numbers show what the network loses without them.
          </li>
        )}
        {kind === "layers" && (
          <li>
            In <a href={linkTo({ view: "layers" })}>Layers</a>, click a layer, then a group of its
            filters: the curves, the classes and the numbers show what the network loses without it.
          </li>
        )}
        <li>
          The address holds what you see: send it along with this file, and go back with the
          browser's Back.
        </li>
        <li>
          The buttons beside a heading save its numbers as CSV and its picture as SVG or PNG;{" "}
          <a href={linkTo({ view: "data" })}>Tables</a> has every number, and where it comes from.
        </li>
      </ul>
    </section>
  );
}
