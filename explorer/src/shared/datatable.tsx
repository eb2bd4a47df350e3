// A table that scrolls by itself; numbers on the right, yes and no in colour and in words.
import type { Row } from "../page/blocks";
import { cellText } from "./numbers";

export interface DataTableProps {
  readonly label: string;
  readonly rows: readonly Row[];
  /** Columns in order, with their headings; all of them if left out. */
  readonly columns?: readonly (readonly [name: string, heading: string])[];
  /** How many rows are shown at most; the note below says so. */
  readonly most?: number;
}

export function DataTable({ label, rows, columns, most = 500 }: DataTableProps) {
  const shown = columns ?? Object.keys(rows[0] ?? {}).map((name) => [name, name] as const);
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a place that scrolls must be reached by keyboard
    <section class="scroll" tabIndex={0} aria-label={label}>
      <table>
        <thead>
          <tr>
            {shown.map(([name, heading]) => (
              <th key={name} scope="col" class={kindOf(rows[0]?.[name])}>
                {heading}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.slice(0, most).map((row, i) => (
            <tr key={i}>
              {shown.map(([name]) => (
                <td key={name} class={kindOf(row[name])}>
                  {cellText(row[name])}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {rows.length > most && (
        <p class="note">
          The first {most} of {rows.length.toLocaleString("en")} rows; the CSV has them all.
        </p>
      )}
    </section>
  );
}

function kindOf(value: unknown): string {
  if (value === true || value === "yes") return "yes";
  if (value === false || value === "no") return "no";
  return typeof value === "number" ? "number" : "";
}
