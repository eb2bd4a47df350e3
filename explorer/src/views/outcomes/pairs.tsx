// Pairs of a report of outcomes: those of one site and method, chosen from all that have pairs.
import { useMemo } from "preact/hooks";
import { type Listing, loadListing } from "../../model/outcomes";
import type { UnitInfo } from "../../model/units";
import { type Row, table } from "../../page/blocks";
import type { Report } from "../../page/report";
import { Choice } from "../../shared/choice";
import { Loaded } from "../../shared/loaded";
import { useTold } from "../../shared/subject";
import { useChoice } from "../../state/usekey";
import { PairsBench } from "../pairs";
import { pairOf } from "../pairs/pairs";

export function OutcomePairs({ report }: { readonly report: Report }) {
  const load = async () => ({
    listing: await loadListing(report),
    rows: (await table("interactions")).rows(),
  });
  return (
    <Loaded of="pairs" load={load}>
      {(found) => <Sets report={report} {...found} />}
    </Loaded>
  );
}

interface SetsProps {
  readonly report: Report;
  readonly listing: Listing;
  readonly rows: readonly Row[];
}

function Sets({ report, listing, rows }: SetsProps) {
  const sets = useMemo(() => setsOf(rows), [rows]);
  const options = {
    of: "set",
    values: sets.map(({ site, method }, i) => [String(i), nameOf(site, method, sets)] as const),
  };
  const wanted = Number(useChoice(options));
  const { site, method, own } = sets[wanted] ?? sets[0]!;
  const pairs = useMemo(() => own.map(pairOf), [own]);
  const units = useMemo(() => unitsOf(listing, own), [listing, own]);
  useTold({ site, method });
  return (
    <>
      <div class="choices">{sets.length > 1 && <Choice label="Site" {...options} />}</div>
      <PairsBench report={report} units={units} pairs={pairs} />
    </>
  );
}

interface PairSet {
  readonly site: string;
  readonly method: string;
  readonly own: readonly Row[];
}

function setsOf(rows: readonly Row[]): PairSet[] {
  const found = new Map<string, Row[]>();
  for (const row of rows) {
    const key = JSON.stringify([row.site, row.method]);
    const own = found.get(key) ?? [];
    own.push(row);
    found.set(key, own);
  }
  return [...found.values()].map((own) => ({
    site: String(own[0]?.site),
    method: String(own[0]?.method),
    own,
  }));
}

/** The site, with the method where there are several. */
function nameOf(site: string, method: string, sets: readonly PairSet[]): string {
  return new Set(sets.map((each) => each.method)).size > 1 ? `${site}, ${method}` : site;
}

/** The units of the pairs, with the drop of each one's single ablation. */
function unitsOf(listing: Listing, own: readonly Row[]): UnitInfo[] {
  const measure = listing.facts.measures[0]!;
  const rows = new Map<number, number>();
  for (const { unit_a, unit_b, single_a, single_b } of own) {
    rows.set(Number(unit_a), Number(single_a));
    rows.set(Number(unit_b), Number(single_b));
  }
  return [...rows]
    .sort(([a], [b]) => a - b)
    .map(([unit, id]) => {
      const { value, low, high } = listing.measured(id, measure);
      const interval = { low, high };
      return {
        unit,
        name: `unit ${unit}`,
        dropPp: value,
        interval,
        dead: false,
        image: null,
        scores: {},
      };
    });
}
