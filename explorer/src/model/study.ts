// What the views of a study of one site need of the page.
import { has, type Row, type Tensor, table, tensor } from "../page/blocks";
import { keptByName } from "../page/once";
import type { Report } from "../page/report";
import { effectOf } from "./effect";
import { limitOf } from "./limit";
import { unitNumber } from "./names";
import { isDead } from "./scores";
import { type Examples, loadExamples, loadSweep, type Sweep, statesOf } from "./sweep";
import type { Image, UnitInfo } from "./units";

export interface Study {
  readonly examples: Examples;
  readonly sweep: Sweep;
  readonly units: readonly UnitInfo[];
  /** By unit, as they were before training; empty where the page does not carry them. */
  readonly initial: readonly Image[];
  /** Ends of the colour scales of the weights before training and after it. */
  readonly limits: { readonly before: number; readonly after: number };
}

const NO_SCORES = ["network", "site", "unit", "drop_pp"]; // columns of the table that are no scores

const kept = keptByName<Study>();

/** The study as one of its evaluations measured it. */
export function loadStudy(report: Report, evaluation: string): Promise<Study> {
  return kept(evaluation, () => read(report, evaluation));
}

async function read(report: Report, name: string): Promise<Study> {
  const evaluation = report.evaluations.find((each) => each.name === name);
  if (!evaluation) throw new Error(`this report has no evaluation ${name}`);
  const [examples, sweep, weights, initial, scores] = await Promise.all([
    loadExamples(),
    loadSweep(evaluation),
    imagesOf("weights"),
    imagesOf("initial_weights"),
    has("scores") ? table("scores").then((found) => found.rows()) : [],
  ]);
  const units = unitInfos(report, examples, sweep, weights, scores);
  return {
    examples,
    sweep,
    units,
    initial,
    limits: { before: sharedLimit(initial), after: sharedLimit(weights) },
  };
}

/** Units in ascending order; their drops are those of the single ablations. */
export function unitInfos(
  report: Report,
  examples: Examples,
  sweep: Sweep,
  weights: readonly Image[],
  scores: readonly Row[],
): UnitInfo[] {
  const singles = sweep.ablations.filter(
    ({ design, units }) => design === "singles" && units.length === 1,
  );
  const main = scores.filter(({ network }) => network === "main");
  const byUnit = new Map(main.map((row) => [Number(row.unit), row]));
  return singles
    .map((single) => {
      const unit = single.units[0] ?? 0;
      const { dropPp, interval } = effectOf(sweep, examples, statesOf(sweep, examples, single));
      const row = byUnit.get(unit) ?? {};
      const number = unitNumber(report, unit);
      return {
        unit,
        number,
        name: `unit ${number}`,
        dropPp,
        interval,
        dead: isDead(row.firing_share),
        image: weights[unit] ?? null,
        scores: scoresOf(row),
      };
    })
    .sort((a, b) => a.unit - b.unit);
}

function scoresOf(row: Row): Record<string, number> {
  const found = Object.entries(row).filter(
    (entry): entry is [string, number] =>
      typeof entry[1] === "number" && !NO_SCORES.includes(entry[0]),
  );
  return Object.fromEntries(found);
}

/** A colour scale's end for several pictures. */
function sharedLimit(pictures: readonly Image[]): number {
  return limitOf(pictures.flatMap(({ values }) => [...values]));
}

async function imagesOf(name: string): Promise<Image[]> {
  return has(name) ? images(await tensor<Float32Array>(name)) : [];
}

/** (unit, height, width) as a picture per unit. */
export function images({ shape, values }: Tensor<Float32Array>): Image[] {
  const [n = 0, height = 1, width = 1] = shape;
  const size = height * width;
  return Array.from({ length: n }, (_, i) => ({
    values: values.subarray(i * size, (i + 1) * size),
    width,
    height,
  }));
}
