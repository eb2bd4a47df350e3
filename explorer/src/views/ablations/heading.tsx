// The headings of the list; each puts it in order, a second click the other way round.
import { orderAfter } from "../../model/listing";
import type { Listing } from "../../model/outcomes";
import type { Measure } from "../../page/report";
import { set } from "../../state/fragment";

export interface HeadingProps {
  readonly listing: Listing;
  readonly measure: Measure;
  readonly order: string;
}

export function Heading({ listing: { several }, measure, order }: HeadingProps) {
  const { unit, name, p } = measure;
  const columns: (readonly [key: string, text: string])[] = [
    ["site", "site"],
    ["units", "units"],
    ...(several.methods ? ([["method", "method"]] as const) : []),
    ...(several.designs ? ([["design", "design"]] as const) : []),
    ["value", unit === "pp" ? "drop, pp [95 %]" : `change of ${name} [95 %]`],
    ["p", p === "" ? "" : "adjusted p"],
  ];
  return (
    <thead>
      <tr class="list-line list-head">
        {columns.map(([key, text]) => (
          <th key={key} scope="col" aria-sort={sortOf(key, order)} class={`list-${key}`}>
            {text && (
              <button
                type="button"
                title={text}
                onClick={() => set({ order: orderAfter(key, order) })}
              >
                {text}
                <span aria-hidden="true">{signOf(key, order)}</span>
              </button>
            )}
          </th>
        ))}
      </tr>
    </thead>
  );
}

function sortOf(key: string, order: string): "ascending" | "descending" | undefined {
  if (order === key) return "ascending";
  return order === `-${key}` ? "descending" : undefined;
}

function signOf(key: string, order: string): string {
  if (order === key) return " ▲";
  return order === `-${key}` ? " ▼" : "";
}
