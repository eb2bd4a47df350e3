// Shares, counts and long names in words.

/** "10 %" */
export function percent(share: number): string {
  return `${Number((100 * share).toPrecision(6))}\u00a0%`;
}

/** "1 class", "3 classes" */
export function several(count: number, one: string, more = `${one}s`): string {
  return `${count.toLocaleString("en")} ${count === 1 ? one : more}`;
}

/** A text without its middle if it is longer than `longest` characters. */
export function clipped(text: string, longest: number): string {
  if (text.length <= longest) return text;
  const tail = Math.floor((longest - 1) / 2);
  return `${text.slice(0, longest - 1 - tail)}…${text.slice(text.length - tail)}`;
}
