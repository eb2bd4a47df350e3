// Steps of change as entries of a legend: blue where the number falls, red where it rises.
import { type Scale, STEPS } from "../../model/changes";
import { State } from "../../model/sweep";
import { diverging } from "../../shared/colours";
import { short } from "../../shared/numbers";
import type { Palette, Theme } from "../../state/theme";
import type { Entry } from "../map/scene";

/** Where on the diverging ramp each step lies; the middle one is grey, for its neutral is paper. */
const RAMP: Readonly<Record<Theme, readonly number[]>> = {
  light: [0.08, 0.2, 0.32, 0.5, 0.68, 0.8, 0.92],
  dark: [0.08, 0.2, 0.33, 0.5, 0.67, 0.8, 0.92],
};

/** By step, from most down to most up. */
export function stepEntries({ edges }: Scale, palette: Palette, theme: Theme): Entry[] {
  const { bytes } = diverging(theme);
  return Array.from({ length: STEPS }, (_, state) => {
    const at = 3 * Math.round((RAMP[theme][state] ?? 0.5) * 255);
    const middle = state === (STEPS - 1) / 2;
    return {
      state,
      key: `step-${state}`,
      word: wordOf(edges, state),
      colour: middle ? palette.states[State.WRONG] : hex(bytes.subarray(at, at + 3)),
    };
  });
}

function wordOf(edges: readonly number[], state: number): string {
  const [low, high] = [edges[state - 1], edges[state]];
  const text = (value: number) => short(value, 2);
  if (low === undefined) return `${text(high ?? 0)} or less`;
  if (high === undefined) return `more than ${text(low)}`;
  return `${text(low)} to ${text(high)}`;
}

function hex(rgb: ArrayLike<number>): string {
  return `#${Array.from(rgb, (value) => value.toString(16).padStart(2, "0")).join("")}`;
}

/** From the bottom of the map to its top: what hardly changed, then ever larger changes. */
export function bottomUp(entries: readonly Entry[]): Entry[] {
  const middle = (STEPS - 1) / 2;
  return [...entries].sort((a, b) => Math.abs(a.state - middle) - Math.abs(b.state - middle));
}
