// Every table of the report, and where its numbers come from.
import { useMemo } from "preact/hooks";
import { type Table, table } from "../page/blocks";
import type { Report, TableNote } from "../page/report";
import { Choice } from "../shared/choice";
import { DataTable } from "../shared/datatable";
import { Loaded } from "../shared/loaded";
import { count } from "../shared/numbers";
import { Panel } from "../shared/panel";
import { set } from "../state/fragment";
import { useChoice, useKey } from "../state/usekey";
import { Figures } from "./data/figures";
import { searchable } from "./data/filter";
import { Licences } from "./data/licences";
import { Provenance } from "./data/provenance";
import "./data/data.css";

const FROM_ZERO = "In tables units count from 0, one less than in the figures.";

export function Data({ report }: { readonly report: Report }) {
  const values = report.tables.map(({ name, title }) => [name, title] as const);
  const wanted = useChoice({ of: "table", values });
  const noteOf = (of: string) => report.tables.find(({ name }) => name === of);
  return (
    <>
      {noteOf(wanted) && (
        <>
          <div class="choices">
            <Choice of="table" label="Table" values={values} />
            <Filter />
          </div>
          <Loaded of={wanted} load={() => table(wanted)}>
            {(found, of) => {
              const about = noteOf(of);
              return about && <Shown report={report} about={about} found={found} />;
            }}
          </Loaded>
        </>
      )}
      <Figures report={report} />
      <Provenance report={report} />
      <Licences />
    </>
  );
}

function Filter() {
  return (
    <label class="choice">
      <span>Rows that contain</span>
      <input
        type="search"
        data-key="filter"
        value={useKey("filter")}
        onInput={({ currentTarget }) => set({ filter: currentTarget.value || null }, true)}
      />
    </label>
  );
}

interface ShownProps {
  readonly report: Report;
  readonly about: TableNote;
  readonly found: Table;
}

function Shown({ report, about, found }: ShownProps) {
  const search = useMemo(() => searchable(found.rows()), [found]);
  const text = useKey("filter");
  const rows = useMemo(() => search(text), [search, text]);
  const notes = [about.note, report.first_unit > 0 ? FROM_ZERO : ""];
  return (
    <Panel
      name={`table-${about.name}`}
      title={about.title}
      announced
      says={inWords(about, found.length, rows.length, text)}
      csv={() => rows}
    >
      <p class="note">{notes.filter(Boolean).join(" ")}</p>
      <DataTable
        label={about.title}
        rows={rows}
        columns={found.names.map((name) => [name, name] as const)}
      />
    </Panel>
  );
}

function inWords(about: TableNote, carried: number, shown: number, text: string): string {
  const all =
    carried < about.rows
      ? `${count(carried)} of the run's ${count(about.rows)} rows; the run folder has them all.`
      : `${count(carried)} rows.`;
  return `${about.title}: ${text ? `${count(shown)} rows contain “${text}”, of ${all}` : all}`;
}
