// Outcomes by example: what the page knows about each ablation, and what became of each example.
import { type Row, table, tensor } from "../page/blocks";
import { keptByName } from "../page/once";
import type { Evaluation } from "../page/report";

export type Predictions = Uint8Array | Uint16Array | Uint32Array;

/** The examples of the map, in the order of all arrays by example. */
export interface Examples {
  readonly length: number;
  readonly label: ArrayLike<number>;
  /** What the network should have given, where that is a number and no class. */
  readonly target?: ArrayLike<number> | null;
  /** Which of the run's examples these are; null: all of them, in their order. */
  readonly number?: ArrayLike<number> | null;
  /** Places on the map, 0 to 1, y upwards; null without a map. */
  readonly x: ArrayLike<number> | null;
  readonly y: ArrayLike<number> | null;
}

export interface Ablation {
  /** Row in the arrays of its evaluation. */
  readonly row: number;
  readonly site: string;
  /** Counted from 0, ascending. */
  readonly units: readonly number[];
  readonly method: string;
  readonly design: string;
  /** All further columns of the table of ablations, such as `proportion` and `anchor`. */
  readonly more: Readonly<Record<string, string | number | boolean | null>>;
}

/** The ablations of one evaluation with their predictions. */
export interface Sweep {
  readonly name: string;
  readonly title: string;
  readonly intact: Predictions;
  readonly ablations: readonly Ablation[];
  /** (example,) predicted classes; `missing` where an example was not measured. */
  predictions(ablation: Ablation): Predictions;
  readonly missing: number;
  /** The ablation of exactly these units, if it was carried out; for studies of one site. */
  of(...units: number[]): Ablation | undefined;
  /** Of a pair the single ablations of its units; none if it is no pair, or one was not carried out. */
  parts(ablation: Ablation): readonly Ablation[];
}

/** What an ablation did to an example; on the map the larger number lies on top. */
export const State = { WRONG: 0, RIGHT: 1, GAINED: 2, LOST: 3, ONLY_PAIR: 4, MISSING: 5 } as const;
export type State = (typeof State)[keyof typeof State];

export async function loadExamples(): Promise<Examples> {
  const found = await table("examples");
  const column = (name: string) => (found.names.includes(name) ? found.column<number>(name) : null);
  const [x, y, number] = [column("x"), column("y"), column("example")];
  const label = column("label") ?? new Uint8Array(found.length); // without classes, all are in one
  return { length: found.length, label, target: column("target"), number, x, y };
}

const kept = keptByName<Sweep>();

export function loadSweep(evaluation: Evaluation): Promise<Sweep> {
  return kept(evaluation.name, async () => {
    const [rows, make] = await Promise.all([
      table(`ablations-${evaluation.name}`),
      loadOutcomes(evaluation),
    ]);
    return make(rows.rows().map(ablationFrom));
  });
}

/** Outcomes by example, which make a sweep of the ablations they are given. */
export async function loadOutcomes(
  evaluation: Evaluation,
): Promise<(ablations: readonly Ablation[]) => Sweep> {
  const [packed, intact] = await Promise.all([
    tensor<Predictions>(`predictions-${evaluation.name}`),
    tensor<Predictions>(`intact-${evaluation.name}`),
  ]);
  return (ablations) => sweepOf(evaluation, ablations, intact.values, packed.values);
}

/** A row of the table of ablations. */
export function ablationFrom(found: Row, row: number): Ablation {
  const { site, units, method, design, ...more } = found;
  return {
    row,
    site: String(site),
    units: unitsOf(String(units)),
    method: String(method),
    design: String(design),
    more,
  };
}

/**
 * A sweep from what the page carries.
 *
 * Args: `packed` (ablation, example) predictions as `xored` leaves them; unpacked when asked for.
 */
export function sweepOf(
  evaluation: Evaluation,
  ablations: readonly Ablation[],
  intact: Predictions,
  packed: Predictions,
): Sweep {
  const n = intact.length;
  const byUnits = new Map(ablations.map((each) => [each.units.join(","), each]));
  const singles = new Map(
    ablations.filter(({ units }) => units.length === 1).map((each) => [keyOf(each), each]),
  );
  const known = new Map<number, Predictions>();
  const predictions = ({ row }: Ablation) => {
    const found = known.get(row) ?? xored(packed.subarray(row * n, (row + 1) * n), intact);
    known.set(row, found);
    return found;
  };
  return {
    ...evaluation,
    intact,
    ablations,
    missing: 2 ** (8 * intact.BYTES_PER_ELEMENT) - 1,
    predictions,
    of: (...units) => byUnits.get([...units].sort((a, b) => a - b).join(",")),
    parts: (pair) => {
      if (pair.design !== "pairs") return [];
      const found = pair.units.map((unit) => singles.get(keyOf({ ...pair, units: [unit] })));
      return found.some((each) => each === undefined) ? [] : (found as Ablation[]);
    },
  };
}

function keyOf({ site, method, units }: Pick<Ablation, "site" | "method" | "units">): string {
  return JSON.stringify([site, method, ...units]);
}

/**
 * Predictions as differences (exclusive or) from the intact network's, row by row; and back again.
 *
 ** Nearly all are then 0, which packs well.
 */
export function xored<T extends Predictions>(predictions: T, intact: Predictions): T {
  const n = intact.length;
  return predictions.map((value, i) => value ^ (intact[i % n] ?? 0)) as T;
}

/** Units from text such as "3,15". */
export function unitsOf(text: string): number[] {
  return text === "" ? [] : text.split(",").map(Number);
}

/**
 * (example,) what an ablation did to each example.
 *
 ** For a pair whose single ablations were carried out, ONLY_PAIR comes before LOST and WRONG, and does
 ** not depend on the intact network.
 *
 * Source: Meyes et al. 2019, sections 4.1 and 4.2; lashley.figures.states.
 */
export function statesOf(sweep: Sweep, examples: Examples, ablation: Ablation): Uint8Array {
  const { label } = examples;
  const after = sweep.predictions(ablation);
  const [first, second] = sweep.parts(ablation);
  const [one, two] = first && second ? [sweep.predictions(first), sweep.predictions(second)] : [];
  const states = new Uint8Array(examples.length);
  for (let i = 0; i < states.length; i++) {
    const right = sweep.intact[i] === label[i];
    const still = after[i] === label[i];
    if (after[i] === sweep.missing) states[i] = State.MISSING;
    else if (still) states[i] = right ? State.RIGHT : State.GAINED;
    else if (one && two && one[i] === label[i] && two[i] === label[i]) states[i] = State.ONLY_PAIR;
    else states[i] = right ? State.LOST : State.WRONG;
  }
  return states;
}

/** (example,) of the intact network: RIGHT or WRONG. */
export function intactStates(sweep: Sweep, examples: Examples): Uint8Array {
  return Uint8Array.from({ length: examples.length }, (_, i) =>
    sweep.intact[i] === examples.label[i] ? State.RIGHT : State.WRONG,
  );
}

/** How many examples are in each state, by the state's number. */
export function counts(states: Uint8Array, some?: Iterable<number>): number[] {
  const found = [0, 0, 0, 0, 0, 0];
  if (some) for (const i of some) found[states[i]!]! += 1;
  else for (const state of states) found[state]! += 1;
  return found;
}
