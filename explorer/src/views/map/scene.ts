// What the map shows: which states there are, in which colour, and which examples lie on top.
import { type Ablation, State } from "../../model/sweep";
import { lostWord, type Palette, STATE_NAMES } from "../../state/theme";

/** A state as the legend names it, and as its key in files and in the address. */
export interface Entry {
  readonly state: number;
  readonly key: string;
  readonly word: string;
  readonly colour: string;
}

/** How many states can be told apart, at most: of what became of examples, or of how much changed. */
export const MOST_STATES = 8;

export const STATE_KEYS: Readonly<Record<State, string>> = {
  [State.WRONG]: "wrong",
  [State.RIGHT]: "right",
  [State.GAINED]: "gained",
  [State.LOST]: "lost",
  [State.ONLY_PAIR]: "only-pair",
  [State.MISSING]: "missing",
};

/** What a state is called whose key the address has: "only-pair" is "lost only by the pair". */
export function wordOf(key: string): string {
  const state = Object.values(State).find((each) => STATE_KEYS[each] === key);
  return state === undefined ? key : STATE_NAMES[state];
}

/**
 * The states that can occur, from the bottom of the map to its top.
 *
 * What the intact network gets wrong is shown as lost examples are, as in figure 2 of the paper.
 */
export function entriesOf(
  ablation: Ablation | null,
  states: Uint8Array,
  palette: Palette,
): readonly Entry[] {
  const entry = (state: State, word: string = STATE_NAMES[state], like: State = state): Entry => ({
    state,
    key: STATE_KEYS[state],
    word,
    colour: palette.states[like],
  });
  if (ablation === null)
    return [entry(State.RIGHT, "right"), entry(State.WRONG, "wrong", State.LOST)];
  const ofPair = ablation.design === "pairs";
  return [
    ...(states.includes(State.MISSING) ? [entry(State.MISSING)] : []),
    entry(State.WRONG),
    entry(State.RIGHT),
    entry(State.GAINED),
    entry(State.LOST, lostWord(ofPair)),
    ...(ofPair ? [entry(State.ONLY_PAIR)] : []),
  ];
}

/** The examples from the bottom to the top: faint ones first, then by state in the entries' order. */
export function layered(
  states: Uint8Array,
  entries: readonly Entry[],
  strong: Uint8Array | null,
): Uint32Array {
  const height = new Uint8Array(MOST_STATES);
  entries.forEach(({ state }, i) => {
    height[state] = i;
  });
  const layer = (i: number) =>
    height[states[i]!]! + (strong === null || strong[i] ? MOST_STATES : 0);
  const starts = new Uint32Array(2 * MOST_STATES + 1);
  for (let i = 0; i < states.length; i++) starts[layer(i) + 1]! += 1;
  for (let i = 1; i < starts.length; i++) starts[i]! += starts[i - 1]!;
  const order = new Uint32Array(states.length);
  for (let i = 0; i < states.length; i++) order[starts[layer(i)]!++] = i;
  return order;
}

/** The examples to step through by keyboard: what changed, or what the intact network gets wrong. */
export function changed(
  states: Uint8Array,
  ablation: Ablation | null,
  strong: Uint8Array | null,
): number[] {
  const wanted: readonly number[] =
    ablation === null ? [State.WRONG] : [State.GAINED, State.LOST, State.ONLY_PAIR];
  return [...states.keys()].filter(
    (i) => wanted.includes(states[i]!) && (strong === null || strong[i] === 1),
  );
}

/** How much of an image, and not of a dot, is drawn where its side takes so many pixels: 0 to 1. */
export function imageShare(sidePx: number): number {
  return Math.min(Math.max((sidePx - 6) / 3, 0), 1);
}
