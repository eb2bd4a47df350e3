// The numbers behind a chart, folded away; the table is made when it is opened.
import { useState } from "preact/hooks";
import type { Row } from "../page/blocks";
import { DataTable, type DataTableProps } from "./datatable";

export interface NumbersProps {
  readonly label: string;
  readonly rows: () => readonly Row[];
  readonly columns?: DataTableProps["columns"];
}

export function Numbers({ label, rows, columns }: NumbersProps) {
  const [open, setOpen] = useState(false);
  return (
    <details class="help" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>The numbers as a table</summary>
      {open && <DataTable label={label} rows={rows()} {...(columns ? { columns } : {})} />}
    </details>
  );
}
