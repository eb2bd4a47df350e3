// What the figures show that are next to the report in the run folder.
import type { Report } from "../../page/report";
import { DataTable } from "../../shared/datatable";
import { Panel } from "../../shared/panel";

export function Figures({ report }: { readonly report: Report }) {
  const rows = report.figures.map(({ name, title, caption }) => ({ title, caption, name }));
  return (
    <Panel
      name="figures"
      title="Figures"
      says={`${rows.length} figures lie in the folder figures of the run, as PNG and SVG.`}
      csv={() => rows}
    >
      <DataTable
        label="Figures"
        rows={rows}
        columns={[
          ["title", "figure"],
          ["caption", "what it shows"],
          ["name", "file"],
        ]}
      />
    </Panel>
  );
}
