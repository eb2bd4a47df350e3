// What the paper says, and what this run measured.
import "./claims/claims.css";
import { table } from "../page/blocks";
import type { Report } from "../page/report";
import { Choice } from "../shared/choice";
import { Headings } from "../shared/headings";
import { Loaded } from "../shared/loaded";
import { Panel } from "../shared/panel";
import { Tally, tallyText } from "../shared/tally";
import {
  type Claim,
  type Column,
  claimOf,
  columnsOf,
  decided,
  type Measurement,
  tally,
  VERDICT_NAMES,
  VERDICTS,
  type Verdict,
} from "../shared/verdicts";
import { useChoice } from "../state/usekey";

interface Found {
  readonly columns: readonly Column[];
  readonly claims: readonly Claim[];
}

const HELP =
  "Where: the section or figure of the paper. A claim is undecided where the interval of what was " +
  "measured leaves both open. Brackets hold 95 % intervals.";

/** How a verdict is written beside one claim; the sign goes with the colour. */
const WORDS: Readonly<Record<Verdict, string>> = {
  yes: "✓ holds",
  no: "✗ does not hold",
  undecided: "? undecided",
};

export function Claims({ report }: { readonly report: Report }) {
  return (
    <Loaded of="claims" load={load}>
      {(found) => <Shown report={report} {...found} />}
    </Loaded>
  );
}

async function load(): Promise<Found> {
  const found = await table("claims");
  const columns = columnsOf(found.names);
  return { columns, claims: found.rows().map((row) => claimOf(row, columns)) };
}

function Shown({ report, columns, claims }: Found & { readonly report: Report }) {
  const counts = tally(claims);
  const values = [
    ["all", `all (${claims.length})`],
    ...VERDICTS.map((verdict) => [verdict, `${VERDICT_NAMES[verdict]} (${counts[verdict]})`]),
  ] as [string, string][];
  const wanted = useChoice({ of: "claims", values });
  const shown = claims.filter((claim) => wanted === "all" || decided(claim) === wanted);
  const listed = wanted === "all" ? "" : ` Listed: ${shown.length}.`;
  return (
    <Panel
      name="claims"
      title="The claims of the paper"
      announced
      says={tallyText(counts) + listed}
      help={HELP}
      csv={() => shown.map(({ row }) => row)}
    >
      <p class="note">{report.claims_note}</p>
      <Tally counts={counts} />
      <div class="choices">
        <Choice of="claims" label="Show claims that" values={values} />
      </div>
      <ClaimTable columns={columns} claims={shown} />
    </Panel>
  );
}

function ClaimTable({ columns, claims }: Found) {
  if (claims.length === 0) return <p>There is no such claim.</p>;
  const methods = new Set(claims.map(({ method }) => method)).size;
  return (
    <table class="claims-table">
      <Headings names={["Where", "Claim", "Printed", ...columns.map(({ heading }) => heading)]} />
      <tbody>
        {claims.map((claim, i) => (
          <tr key={i} data-verdict={decided(claim)}>
            <td>{claim.where}</td>
            <td>
              {claim.claim}
              <Note text={notes(claim, methods > 1)} />
            </td>
            <td data-heading="Printed">{claim.printed}</td>
            {claim.measurements.map((measured, k) => (
              <Measured key={k} heading={columns[k]?.heading ?? ""} {...measured} />
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Note({ text }: { readonly text: string }) {
  return text ? <p class="claims-note">{text}</p> : null;
}

function notes({ of, method, note }: Claim, several: boolean): string {
  const whose = of ? `Of ${of}.` : "";
  return [whose, several ? `Method ${method}.` : "", note].filter(Boolean).join(" ");
}

function Measured({ heading, text, verdict }: Measurement & { readonly heading: string }) {
  return (
    <td data-heading={heading}>
      {verdict === null ? (
        <span class="claims-note">not measured</span>
      ) : (
        <>
          <strong class={`claims-verdict ${verdict}`}>{WORDS[verdict]}</strong> {text}
        </>
      )}
    </td>
  );
}
