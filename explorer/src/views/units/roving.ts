// One stop for Tab in a set of buttons; arrows, Home and End move on from there.
import { useRef, useState } from "preact/hooks";
import { stepped } from "./order";

export interface Roving<T extends HTMLElement> {
  readonly place: { current: T | null };
  /** Of the button that Tab reaches. */
  readonly now: number;
  readonly onKeyDown: (event: KeyboardEvent) => void;
  readonly onFocus: (event: FocusEvent) => void;
}

export function useRoving<T extends HTMLElement>(length: number): Roving<T> {
  const place = useRef<T>(null);
  const [last, setLast] = useState(0);
  const now = Math.min(last, Math.max(length - 1, 0));
  const buttons = () => [...(place.current?.querySelectorAll<HTMLElement>("button") ?? [])];
  return {
    place,
    now,
    onKeyDown: (event) => {
      const all = buttons();
      const next = stepped(event.key, now, all.length, columnsOf(all));
      if (next === null) return;
      event.preventDefault();
      all[next]?.focus();
    },
    onFocus: ({ target }) => {
      const found = buttons().indexOf(target as HTMLElement);
      if (found >= 0) setLast(found);
    },
  };
}

/** How many are in the first row, as the page is laid out now. */
function columnsOf(buttons: readonly HTMLElement[]): number {
  const below = buttons.findIndex((each) => each.offsetTop > (buttons[0]?.offsetTop ?? 0));
  return below < 0 ? buttons.length : below;
}
