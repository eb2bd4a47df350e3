// What starts are called, and how they are drawn.
import type { Palette } from "../../state/theme";

export interface StartLook {
  readonly name: string;
  readonly colour: string;
  readonly dash: string;
}

const NAMES: Readonly<Record<string, string>> = {
  ablated: "ablated",
  intact: "intact, trained as long",
  redrawn: "ablated units redrawn",
  from_scratch: "from scratch",
};

const DASHES: Readonly<Record<string, string>> = {
  intact: "7 3",
  redrawn: "2 3",
  from_scratch: "8 3 2 3",
};

const SERIES: Readonly<Record<string, number>> = {
  ablated: 0,
  intact: 2,
  redrawn: 3,
  from_scratch: 1,
};

export function startName(start: string): string {
  return NAMES[start] ?? start;
}

export function startLook(start: string, { series, soft }: Palette): StartLook {
  return {
    name: startName(start),
    colour: series[SERIES[start] ?? -1] ?? soft,
    dash: DASHES[start] ?? "",
  };
}
