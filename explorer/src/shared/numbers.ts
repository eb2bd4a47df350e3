// Numbers as a reader wants them.

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

export const NOT_MEASURED = "not measured";

export function count(value: number): string {
  return whole.format(value);
}

export function fixed(value: number, digits = 2): string {
  return Number.isFinite(value) ? value.toFixed(digits).replace("-", "\u2212") : "";
}

/** A number with its unit: "47.87 pp". */
export function withUnit(value: number | undefined, unit = "pp", digits = 2): string {
  return value !== undefined && Number.isFinite(value)
    ? `${fixed(value, digits)}\u00a0${unit}`
    : NOT_MEASURED;
}

/** A drop with its 95 % interval: "47.87 [46.88, 48.84] pp". */
export function withInterval(
  value: number,
  interval: { readonly low: number; readonly high: number },
  unit = "pp",
): string {
  if (!Number.isFinite(value)) return NOT_MEASURED;
  const space = unit ? `\u00a0${unit}` : "";
  return `${fixed(value)} [${fixed(interval.low)}, ${fixed(interval.high)}]${space}`;
}

/** A cell of a table: few digits, nothing for what is missing. */
export function cellText(value: unknown): string {
  if (value === null || value === undefined || Number.isNaN(value)) return "";
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value !== "number") return String(value);
  if (Number.isInteger(value)) return String(value);
  const short = value === 0 || Math.abs(value) >= 0.01 ? value.toFixed(2) : value.toExponential(1);
  return short;
}

/** "p = 0.0040", "p < 0.001". */
export function pText(p: number): string {
  if (!Number.isFinite(p)) return "p unknown";
  return p < 0.001 ? "p\u00a0<\u00a00.001" : `p\u00a0=\u00a0${p.toPrecision(2)}`;
}

export function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** A number of any size in few digits: "3,021", "0.0412", "1.2e-7". */
export function short(value: number, digits = 3): string {
  if (!Number.isFinite(value)) return "";
  const size = Math.abs(value);
  if (value === 0) return "0";
  if (size < 1e-4 || size >= 1e7) return minus(value.toExponential(digits - 1));
  const places = Math.max(0, digits - 1 - Math.floor(Math.log10(size)));
  const plain = Number.isInteger(value) ? 0 : places;
  return minus(value.toLocaleString("en", inPlaces(plain)));
}

/** A change in its own unit with its interval, in as many digits as the interval is worth. */
export function changeText(
  value: number,
  { low, high }: { readonly low: number; readonly high: number },
): string {
  if (!Number.isFinite(value)) return NOT_MEASURED;
  const width = high - low;
  if (!(width > 0) || !Number.isFinite(width)) return short(value);
  const places = 1 - Math.floor(Math.log10(width));
  if (places > 6) return `${short(value)} [${short(low)}, ${short(high)}]`;
  const text = (each: number) => minus(each.toLocaleString("en", inPlaces(Math.max(0, places))));
  return `${text(value)} [${text(low)}, ${text(high)}]`;
}

/** A measured number with its interval: of a drop in pp, of all else in its own unit. */
export function valueText(
  value: number,
  interval: { readonly low: number; readonly high: number },
  unit: string,
): string {
  return unit === "pp" ? withInterval(value, interval, unit) : changeText(value, interval);
}

/** A number at an axis: no digits that say nothing. */
export function tickText(value: number): string {
  return minus(value.toLocaleString("en", { maximumSignificantDigits: 3 }));
}

function inPlaces(places: number) {
  return {
    minimumFractionDigits: places,
    maximumFractionDigits: places,
    signDisplay: "negative", // no sign before 0
  } as const;
}

function minus(text: string): string {
  return text.replace("-", "\u2212");
}
