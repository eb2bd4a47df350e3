// What the keys do on the map.

export interface Action {
  /** Steps to the right, and down. */
  readonly pan?: readonly [right: number, down: number];
  readonly scale?: number;
  readonly whole?: boolean;
  readonly step?: 1 | -1;
  readonly close?: boolean;
}

const ACTIONS: Readonly<Record<string, Action>> = {
  ArrowLeft: { pan: [-1, 0] },
  ArrowRight: { pan: [1, 0] },
  ArrowUp: { pan: [0, -1] },
  ArrowDown: { pan: [0, 1] },
  "+": { scale: 1.5 },
  "=": { scale: 1.5 },
  "-": { scale: 1 / 1.5 },
  "0": { whole: true },
  n: { step: 1 },
  p: { step: -1 },
  Escape: { close: true },
};

export const KEYS =
  "With the map in focus, the arrow keys move it, + and - bring it nearer and farther, 0 shows it " +
  "whole, N and P step through the changed examples in view, Escape closes the card. Escape also " +
  "gives up a lasso, wherever the focus is.";

/** The action of a key; null for keys that are the browser's. */
export function actionOf(event: {
  readonly key: string;
  readonly ctrlKey: boolean;
  readonly metaKey: boolean;
  readonly altKey: boolean;
}): Action | null {
  if (event.ctrlKey || event.metaKey || event.altKey) return null;
  return ACTIONS[event.key.length === 1 ? event.key.toLowerCase() : event.key] ?? null;
}
