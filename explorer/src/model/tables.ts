// What the page knows about each layer and its groups of filters.
import type { Row, Table } from "../page/blocks";
import { distinct, number, where } from "./columns";
import { inOrder } from "./names";

/** A layer whose filters were ablated. */
export interface Site {
  readonly site: string;
  readonly label: string;
  readonly units: number;
}

/** The tables of a layer study; `groups` may have tens of thousands of rows. */
export interface Tables {
  /** A row per layer, method, proportion and top: means over the layer's groups. */
  readonly layers: readonly Row[];
  /** The same by class. */
  readonly classes: Table;
  /** A row per group. */
  readonly groups: Table;
  /** A row per filter; may be empty. */
  readonly constants: Table;
  /** In forward order. */
  readonly sites: readonly Site[];
  readonly methods: readonly string[];
  readonly proportions: readonly number[];
  readonly tops: readonly number[];
}

export function tablesOf(layers: Table, classes: Table, groups: Table, constants: Table): Tables {
  const rows = layers.rows().sort((a, b) => number(a.layer) - number(b.layer));
  const sites = new Map(
    rows.map((row) => [
      String(row.site),
      { site: String(row.site), label: String(row.label), units: number(row.n_units) },
    ]),
  );
  return {
    layers: rows,
    classes,
    groups,
    constants,
    sites: [...sites.values()],
    methods: inOrder(distinct<string>(layers, "method")),
    proportions: distinct<number>(layers, "proportion").sort((a, b) => a - b),
    tops: distinct<number>(layers, "top").sort((a, b) => a - b),
  };
}

/** What is ablated, and how accuracy is counted. */
export interface Setting {
  readonly method: string;
  readonly proportion: number;
  readonly top: number;
}

/** The means of one setting, a value per layer, in forward order; NaN where nothing was measured. */
export interface Means {
  readonly setting: Setting;
  readonly of: (column: string) => readonly number[];
}

export function meansOf({ layers, sites }: Tables, setting: Setting): Means {
  const { method, proportion, top } = setting;
  const rows = layers.filter(
    (row) => row.method === method && row.proportion === proportion && row.top === top,
  );
  const bySite = new Map(rows.map((row) => [row.site, row]));
  return { setting, of: (column) => sites.map(({ site }) => number(bySite.get(site)?.[column])) };
}

/** Whether random groups were measured beside those of similar filters. */
export function hasRandom({ groups }: Tables): boolean {
  return where(groups, { design: "random_groups" }).length > 0;
}
