// The example that the card is about: under the pointer, or found by keyboard.
import { useEffect, useState } from "preact/hooks";
import type { Size, View } from "./geometry";
import type { Scene } from "./paint";
import { inView, pick, stepped } from "./picking";

export interface Pointed {
  readonly example: number;
  /** Found by keyboard, and so read aloud. */
  readonly spoken: boolean;
}

const REACH = 12; // pixels from an example to the pointer, at most

export function usePointed(scene: Scene, size: Size, steps: readonly number[]) {
  const [pointed, setPointed] = useState<Pointed | null>(null);
  const now = pointed?.example ?? null;
  const show = (example: number | null, spoken: boolean) => {
    if (example !== now) setPointed(example === null ? null : { example, spoken });
  };
  useEffect(() => setPointed(null), [scene.x]);
  return {
    pointed,
    close: () => setPointed(null),
    at: (view: View, left: number, top: number) => {
      const reach = Math.max(REACH, 0.5 * scene.side * view.scale);
      show(pick(scene, view, left, top, reach), false);
    },
    step: (view: View, by: 1 | -1) =>
      show(stepped(inView(scene, steps, view, size), now, by), true),
  };
}
