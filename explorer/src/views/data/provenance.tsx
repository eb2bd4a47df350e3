// Where the numbers come from: versions, seeds, fingerprints.
import type { Report } from "../../page/report";
import { save } from "../../shared/download";
import { Panel } from "../../shared/panel";

const MOST = 12;

export function Provenance({ report }: { readonly report: Report }) {
  const asJson = () =>
    new Blob([JSON.stringify(report.provenance, null, 2)], { type: "application/json" });
  return (
    <Panel
      name="provenance"
      title="Provenance"
      says="What the run was made with: versions, seeds, and fingerprints of data and networks."
    >
      <button
        type="button"
        onClick={() => save(asJson(), [report.run, "provenance.json"].filter(Boolean).join("-"))}
      >
        Save as JSON
      </button>
      <Entries of={report.provenance} />
    </Panel>
  );
}

/** Names and what they hold; a name inside a name is indented. */
function Entries({ of }: { readonly of: Readonly<Record<string, unknown>> }) {
  return (
    <dl class="provenance">
      {Object.entries(of).map(([name, held]) => (
        <div key={name} class={isRecord(held) ? "provenance-group" : ""}>
          <dt>{name}</dt>
          <dd>
            <Held value={held} />
          </dd>
        </div>
      ))}
    </dl>
  );
}

function Held({ value }: { readonly value: unknown }) {
  if (!isRecord(value)) return <>{plain(value)}</>;
  const size = Object.keys(value).length;
  if (size <= MOST) return <Entries of={value} />;
  return (
    <details>
      <summary>{size} entries</summary>
      <Entries of={value} />
    </details>
  );
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function plain(value: unknown): string {
  if (Array.isArray(value)) return value.length > 0 ? value.map(plain).join(", ") : "none";
  return value === null || value === ""
    ? "none"
    : isRecord(value)
      ? JSON.stringify(value)
      : String(value);
}
