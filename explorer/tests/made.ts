// What a page carries, made by hand: a sweep of given predictions, tables, the page itself.
import { tableFromArrays, tableToIPC } from "@uwdata/flechette";
import { afterAll, beforeAll, vi } from "vitest";
import { type Ablation, type Predictions, sweepOf, xored } from "../src/model/sweep";
import { asTable, type Row, type Table } from "../src/page/blocks";
import type { Evaluation } from "../src/page/report";
import found from "./blocks.json";

/** Args: `predictions` (ablation, example), not packed. */
export function sweepWith(
  evaluation: Evaluation,
  ablations: readonly Ablation[],
  intact: Predictions,
  predictions: Predictions,
) {
  return sweepOf(evaluation, ablations, intact, xored(predictions, intact));
}

export function tableOf(rows: readonly Row[]): Table {
  const names = Object.keys(rows[0] ?? {});
  const columns = Object.fromEntries(names.map((name) => [name, rows.map((row) => row[name])]));
  const bytes = tableToIPC(tableFromArrays(columns as Record<string, unknown[]>), {});
  if (bytes === null) throw new Error("no table");
  return asTable(bytes);
}

/** Inside, the document is a page with the blocks of blocks.json: all that the reader asks of it. */
export function onAPage(): void {
  beforeAll(() => {
    const elements = new Map(
      Object.entries(found).map(([name, { text, dtype, shape }]) => [
        `block-${name}`,
        { textContent: text, dataset: { dtype, shape } },
      ]),
    );
    vi.stubGlobal("document", { getElementById: (id: string) => elements.get(id) ?? null });
  });
  afterAll(() => {
    vi.unstubAllGlobals();
  });
}
