// The state of every view is in the address after "#": it can be mailed, and Back goes back.
import { signal } from "@preact/signals";

export type Keys = Readonly<Record<string, string>>;

export const keys = signal<Keys>(parse(location.hash));

addEventListener("hashchange", () => {
  if (location.hash !== written(keys.peek())) keys.value = parse(location.hash);
});

export function parse(hash: string): Keys {
  return Object.fromEntries(new URLSearchParams(hash.replace(/^#/, "")));
}

export function written(state: Keys): string {
  const text = new URLSearchParams(state).toString().replaceAll("%2C", ",");
  return text ? `#${text}` : "";
}

/** A key's value; views that read it are drawn again when it changes. */
export function get(key: string, otherwise = ""): string {
  return keys.value[key] ?? otherwise;
}

/**
 * Changes keys; null, or nothing as a value, takes one away.
 *
 ** `quiet` changes leave no step for Back: use it for what changes all the time, such as a zoom.
 */
export function set(changes: Readonly<Record<string, string | null>>, quiet = false): void {
  const next = changed(keys.peek(), changes);
  if (written(next) === written(keys.peek())) return;
  keys.value = next;
  const address = written(next) || "#";
  if (quiet) history.replaceState(null, "", address);
  else history.pushState(null, "", address);
}

/** Keys that mean the same in several views; links to another view drop all others. */
const SHARED = ["view", "theme", "evaluation", "units", "class"].concat(
  ["site", "method", "proportion", "top", "group", "draw"], // of a layer study
  ["ablation", "measure", "find", "order", "by", "open", "set"], // of outcomes
);

/** An address inside the page that differs in some keys. */
export function linkTo(changes: Readonly<Record<string, string | null>>): string {
  const now = keys.value;
  const stays = (changes.view ?? now.view) === now.view;
  const kept = Object.entries(now).filter(([key]) => stays || SHARED.includes(key));
  return written(changed(Object.fromEntries(kept), changes)) || "#";
}

function changed(state: Keys, changes: Readonly<Record<string, string | null>>): Keys {
  const next = { ...state, ...changes };
  return Object.fromEntries(
    Object.entries(next).filter((entry): entry is [string, string] => Boolean(entry[1])),
  );
}
