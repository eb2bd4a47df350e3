// How well each score agrees with the drop: the table `correlations`.
import { number } from "../../model/columns";
import type { Row } from "../../page/blocks";
import { fixed, pText } from "../../shared/numbers";

export interface Coefficient {
  readonly value: number;
  readonly low: number;
  readonly high: number;
  readonly p: number;
}

export interface Correlation {
  /** Which units: "main, clean", "main, published", "population, pooled", "population-01" ... */
  readonly over: string;
  readonly score: string;
  readonly pearson: Coefficient;
  readonly spearman: Coefficient;
  readonly n: number;
}

export const KINDS = ["pearson", "spearman"] as const;
export type Kind = (typeof KINDS)[number];
export const KIND_NAMES: Readonly<Record<Kind, string>> = {
  pearson: "Pearson",
  spearman: "Spearman",
};

export const POOLED = "population, pooled";

export function correlations(rows: readonly Row[]): Correlation[] {
  return rows.map((row) => ({
    over: String(row.over),
    score: String(row.score),
    pearson: coefficient(row, "pearson"),
    spearman: coefficient(row, "spearman"),
    n: number(row.n),
  }));
}

function coefficient(row: Row, kind: Kind): Coefficient {
  const [value, low, high, p] = ["", "_low", "_high", "_p"].map((end) => number(row[kind + end]));
  return { value, low, high, p } as Coefficient;
}

/** Of the network under study, in one evaluation. */
export function ofNetwork(all: readonly Correlation[], evaluation: string): Correlation[] {
  return all.filter(({ over }) => over === `main, ${evaluation}`);
}

/** Of one score in each of the further networks; none for a study without a population. */
export function ofPopulation(all: readonly Correlation[], score: string): Correlation[] {
  return all.filter((each) => each.score === score && /^population-\d+$/.test(each.over));
}

export function pooled(all: readonly Correlation[], score: string): Correlation | undefined {
  return all.find((each) => each.score === score && each.over === POOLED);
}

/** "−0.44 [−0.68, −0.10], p = 0.052". */
export function coefficientText({ value, low, high, p }: Coefficient): string {
  if (!Number.isFinite(value)) return "not defined, one of the two is constant";
  return `${fixed(value)} [${fixed(low)}, ${fixed(high)}], ${pText(p)}`;
}

/** Mean and standard deviation (n − 1) of what exists. */
export function spread(values: readonly number[]): { mean: number; sd: number; n: number } {
  const found = values.filter(Number.isFinite);
  const n = found.length;
  const mean = found.reduce((sum, value) => sum + value, 0) / n;
  const squares = found.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, sd: Math.sqrt(squares / (n - 1)), n };
}

/** Gaussian kernel density with Scott's bandwidth, at least one step of the grid (lashley.stats). */
export function density(values: readonly number[], grid: readonly number[]): number[] {
  const { sd, n } = spread(values);
  const step = ((grid.at(-1) ?? 0) - (grid[0] ?? 0)) / (grid.length - 1);
  const bandwidth = Math.max(n > 1 ? sd * n ** -0.2 : 0, step);
  const scale = n * bandwidth * Math.sqrt(2 * Math.PI);
  const kernel = (distance: number) => Math.exp(-((distance / bandwidth) ** 2) / 2);
  return grid.map((x) => values.reduce((sum, value) => sum + kernel(x - value), 0) / scale);
}
