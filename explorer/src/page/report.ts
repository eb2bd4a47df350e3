// What a report says about itself; written by lashley.page.
import { json } from "./blocks";

/**
 * One way in which networks were measured: the ablations, and what each did to each example.
 *
 * The blocks `ablations-NAME`, `predictions-NAME` and `intact-NAME` hold it.
 */
export interface Evaluation {
  readonly name: string;
  readonly title: string;
}

/** An ablation that is worth a look, as an address inside the page. */
export interface Case {
  readonly title: string;
  readonly caption: string;
  readonly fragment: string;
}

export interface TableNote {
  readonly name: string;
  readonly title: string;
  readonly note: string;
  /** In the whole run, if the page carries fewer. */
  readonly rows: number;
}

/** A figure that lies in the run folder, as PNG and SVG. */
export interface FigureNote {
  readonly name: string;
  readonly title: string;
  readonly caption: string;
}

export interface Atlas {
  /** How many pictures there are, of the first examples. */
  readonly pictures: number;
  readonly columns: number;
  readonly width: number;
  readonly height: number;
  /** "ink": grey, 255 is ink; it takes the colour of the example's state. */
  readonly kind: "ink" | "colour";
}

/** A number that every ablation has: the columns of the table of ablations that hold it. */
export interface Measure {
  readonly name: string;
  readonly value: string;
  readonly low: string;
  readonly high: string;
  /** "" where there are no p-values. */
  readonly p: string;
  /** "pp", or "" for the readout's own. */
  readonly unit: string;
}

/** What a report of outcomes has beyond what all reports have. */
export interface OutcomesFacts {
  readonly readout: string;
  /** The first one is shown first; of a classification there is one, the drop. */
  readonly measures: readonly Measure[];
  /** What the card of an example shows, and what the page left out of it. */
  readonly cards: { readonly kind: "images" | "texts" | "numbers" | "none"; readonly note: string };
  /** Columns of the table of ablations that are the designs' own. */
  readonly columns: readonly string[];
  /** How many examples were evaluated; the page may carry fewer. */
  readonly total: number;
  /** Whether ablations were measured until they were known well enough. */
  readonly to_precision: boolean;
}

export interface Report extends Partial<OutcomesFacts> {
  readonly kind: "mlp" | "layers" | "outcomes";
  readonly title: string;
  readonly study: string;
  readonly run: string;
  readonly lead: string;
  readonly numbers: readonly (readonly [label: string, value: string])[];
  /** What the first unit is called if units are shown as in the paper: 0 or 1. */
  readonly first_unit: number;
  readonly classes: readonly string[];
  readonly evaluations: readonly Evaluation[];
  /** Of the map; `absent` says why there is none. */
  readonly map: {
    readonly note: string;
    readonly absent: string;
    readonly atlas: Atlas | null;
    /** Of an example, as a share of the map; without it the distances say. */
    readonly side?: number | null;
  };
  readonly cases: readonly Case[];
  readonly figures: readonly FigureNote[];
  readonly claims_note: string;
  readonly tables: readonly TableNote[];
  readonly provenance: Readonly<Record<string, unknown>>;
}

export function loadReport(): Promise<Report> {
  return json<Report>("report");
}
