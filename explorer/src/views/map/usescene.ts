// What the map shows, put together anew only when a part of it changes.
import { useEffect, useMemo, useState } from "preact/hooks";
import type { Examples } from "../../model/sweep";
import type { Atlas } from "../../page/report";
import { palette } from "../../state/theme";
import { imageSide } from "./geometry";
import type { Scene } from "./paint";
import { loadPictures, type Pictures } from "./pictures";
import { type Entry, layered, MOST_STATES } from "./scene";

interface Shown {
  readonly examples: Examples;
  readonly states: Uint8Array;
  readonly entries: readonly Entry[];
  readonly strong: Uint8Array | null;
  readonly pictures: Pictures | null;
  /** Of an image, as a share of the map; without it the distances say. */
  readonly side?: number | null | undefined;
}

const NO_PICTURES = "This run kept no pictures of its examples; they are shown as dots.";

/** Null where the examples have no places. */
export function useScene({ examples, states, entries, strong, pictures, ...shown }: Shown) {
  const { x, y } = examples;
  const { paper } = palette.value;
  const given = shown.side ?? null;
  const side = useMemo(() => given ?? (x && y ? imageSide(x, y) : 0), [x, y, given]);
  return useMemo<Scene | null>(() => {
    if (x === null || y === null) return null;
    const colours = Array<string>(MOST_STATES).fill(paper);
    for (const { state, colour } of entries) colours[state] = colour;
    const order = layered(states, entries, strong);
    return { x, y, states, order, strong, colours, paper, side, pictures };
  }, [x, y, states, entries, strong, paper, side, pictures]);
}

/** The pictures once they are read; until then, and where there are none, null. */
export function usePictures(atlas: Atlas | null): {
  readonly pictures: Pictures | null;
  /** Why there are none; empty while they are being read. */
  readonly trouble: string;
} {
  const [pictures, setPictures] = useState<Pictures | null>(null);
  const [trouble, setTrouble] = useState("");
  useEffect(() => {
    if (atlas === null) {
      setTrouble(NO_PICTURES);
      return;
    }
    loadPictures(atlas).then(setPictures, (error) =>
      setTrouble(`The pictures could not be read, so examples are shown as dots: ${error}`),
    );
  }, [atlas]);
  return { pictures, trouble };
}
