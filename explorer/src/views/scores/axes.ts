// Where a chart's numbers lie in pixels, for what Plot does not place by itself.

export interface Axis {
  readonly log: boolean;
  readonly domain: readonly [low: number, high: number];
}

const ROOM = 0.06;

/** The axis of some numbers with room around them; a logarithmic one shows positive numbers. */
export function axisOf(values: readonly number[], log: boolean): Axis {
  const found = values.filter((value) => Number.isFinite(value) && (!log || value > 0));
  if (found.length === 0) return { log, domain: log ? [0.1, 1] : [0, 1] };
  const [at, back] = log ? [Math.log, Math.exp] : [Number, Number];
  const [low, high] = [at(Math.min(...found)), at(Math.max(...found))];
  const room = ROOM * (high - low || 1);
  return { log, domain: [back(low - room), back(high + room)] };
}

/** A value in pixels between two ends. */
export function onAxis({ log, domain }: Axis, value: number, from: number, to: number): number {
  const at = log ? Math.log : Number;
  const [low, high] = [at(domain[0]), at(domain[1])];
  return from + ((at(value) - low) / (high - low)) * (to - from);
}

/** Where an axis shows a value: a logarithmic one has an exact 0 at its lower end. */
export function shownAt({ log, domain }: Axis, value: number): number {
  return log ? Math.max(value, domain[0]) : value;
}

/** A tick's text: "1e−5", "0.01". */
export function tickText(value: number): string {
  return value !== 0 && Math.abs(value) < 0.01
    ? value.toExponential(0).replace("-", "\u2212")
    : String(value);
}
