// Light and dark. The reader's system decides, unless the address says theme=light or theme=dark.
import { computed, effect, signal } from "@preact/signals";
import { State } from "../model/sweep";
import { keys, set } from "./fragment";

const system = matchMedia("(prefers-color-scheme: dark)");
const systemIsDark = signal(system.matches);
system.addEventListener("change", (event) => {
  systemIsDark.value = event.matches;
});

export type Theme = "light" | "dark";

export const theme = computed<Theme>(() => {
  const asked = keys.value.theme;
  if (asked === "light" || asked === "dark") return asked;
  return systemIsDark.value ? "dark" : "light";
});

// before the report is read: a dark reader sees no white page
effect(() => {
  document.documentElement.dataset.theme = theme.value;
});

export function switchTheme(): void {
  set({ theme: theme.peek() === "dark" ? "light" : "dark" }, true);
}

/** Colours for canvases and charts: Okabe and Ito's, which colour-blind readers can tell apart too. */
export interface Palette {
  readonly ink: string;
  readonly soft: string;
  readonly line: string;
  readonly paper: string;
  /** By the state of an example. */
  readonly states: Readonly<Record<State, string>>;
  /** Series without an order, such as methods and experiments. */
  readonly series: readonly string[];
}

const LIGHT: Palette = {
  ink: "#1b1b1b",
  soft: "#5c5c5c",
  line: "#d9d9d9",
  paper: "#ffffff",
  states: {
    [State.WRONG]: "#b4b4b4",
    [State.RIGHT]: "#1b1b1b",
    [State.GAINED]: "#009e73",
    [State.LOST]: "#d55e00",
    [State.ONLY_PAIR]: "#0072b2",
    [State.MISSING]: "#e4e4e4",
  },
  series: ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#8a6d00", "#56b4e9", "#1b1b1b"],
};

const DARK: Palette = {
  ink: "#ececec",
  soft: "#a9a9a9",
  line: "#3a3a3a",
  paper: "#161616",
  states: {
    [State.WRONG]: "#6a6a6a",
    [State.RIGHT]: "#ececec",
    [State.GAINED]: "#2fd3a3",
    [State.LOST]: "#ff8a3c",
    [State.ONLY_PAIR]: "#5db7ff",
    [State.MISSING]: "#2c2c2c",
  },
  series: ["#5db7ff", "#ff8a3c", "#2fd3a3", "#e6a3c8", "#e9c94a", "#9fd8ff", "#ececec"],
};

export const palette = computed<Palette>(() => (theme.value === "dark" ? DARK : LIGHT));

/** What the states of examples are called, as in the figures. */
export const STATE_NAMES: Readonly<Record<State, string>> = {
  [State.WRONG]: "still wrong",
  [State.RIGHT]: "still right",
  [State.GAINED]: "gained",
  [State.LOST]: "lost",
  [State.ONLY_PAIR]: "lost only by the pair",
  [State.MISSING]: "not measured",
};

/** What LOST is called; for a pair it leaves out what only the pair loses. */
export function lostWord(ofPair: boolean): string {
  return ofPair ? "lost already by one alone" : STATE_NAMES[State.LOST];
}
