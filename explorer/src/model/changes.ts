// Outcomes that are numbers: by how much an ablation changes what was measured on each example.
import { tensor } from "../page/blocks";
import { keptByName } from "../page/once";
import type { Interval } from "./interval";
import { limitOf } from "./limit";
import { meanInterval } from "./student";

export type Values = Float32Array | Float64Array;

/** What was measured on each example. */
export interface Readings {
  readonly intact: Values;
  /** (example,) of the ablation that lies in a row of the outcomes by example. */
  ablated(row: number): Values;
}

const kept = keptByName<Readings>();

/** Args: the measure's place among all measures. */
export function loadReadings(place: number): Promise<Readings> {
  return kept(String(place), async () => {
    const [bits, intact] = await Promise.all([
      tensor<Uint32Array>(`measured-${place}`),
      tensor<Values>(`measured-intact-${place}`),
    ]);
    return readingsOf(intact.values, bits.values);
  });
}

/** Args: `bits` (ablation, example) differ (exclusive or) from those of `intact`, as the page has them. */
export function readingsOf(intact: Values, bits: Uint32Array): Readings {
  const own = new Uint32Array(intact.buffer, intact.byteOffset, intact.byteLength / 4);
  const n = own.length;
  return {
    intact,
    ablated: (row) => {
      const found = bits.slice(row * n, (row + 1) * n);
      for (let i = 0; i < n; i++) found[i]! ^= own[i]!;
      return intact instanceof Float64Array
        ? new Float64Array(found.buffer)
        : new Float32Array(found.buffer);
    },
  };
}

/** (example,) ablated - intact. */
export function changesOf({ intact, ablated }: Readings, row: number): Float64Array {
  const after = ablated(row);
  return Float64Array.from(intact, (before, i) => (after[i] ?? Number.NaN) - before);
}

/** The mean change over some examples, with its 95 % interval. */
export interface Mean extends Interval {
  readonly value: number;
  readonly n: number;
}

export function meanOf(changes: Float64Array, some: Iterable<number> = changes.keys()): Mean {
  let [total, squares, n] = [0, 0, 0];
  for (const i of some) {
    const change = changes[i] ?? 0;
    total += change;
    squares += change * change;
    n += 1;
  }
  return { value: n > 0 ? total / n : Number.NaN, n, ...meanInterval(total, squares, n) };
}

export const STEPS = 7; // of change that colours tell apart, from most down to most up

/** Steps of change: edges around 0, the outer steps are open. */
export interface Scale {
  /** Where the outermost steps begin, without its sign. */
  readonly end: number;
  /** (6,) ascending. */
  readonly edges: readonly number[];
}

/** Nearly all changes lie inside the ends, so that a few extreme ones do not pale all others. */
export function scaleOf(changes: ArrayLike<number>): Scale {
  const end = (limitOf(changes, 0.95) * (STEPS - 2)) / STEPS;
  const step = (2 * end) / (STEPS - 2);
  return { end, edges: Array.from({ length: STEPS - 1 }, (_, i) => -end + i * step) };
}

/** (example,) the step of each change, 0 to 6. */
export function stepsOf(changes: ArrayLike<number>, { edges }: Scale): Uint8Array {
  return Uint8Array.from({ length: changes.length }, (_, i) => {
    const change = changes[i] ?? 0;
    return edges.filter((edge) => change > edge).length;
  });
}
