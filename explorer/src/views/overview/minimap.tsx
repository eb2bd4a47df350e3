// The map of the examples at the size of a stamp, in the colours of their states.
import { useLayoutEffect, useRef } from "preact/hooks";
import { type Examples, State } from "../../model/sweep";
import { type Palette, palette } from "../../state/theme";

export interface MiniMapProps {
  readonly examples: Examples;
  readonly states: Uint8Array;
}

const SIDE = 112; // CSS pixels
const EDGE = 4;
// From below to the top; what did not change stays in the background.
const ORDER = [State.WRONG, State.RIGHT, State.GAINED, State.LOST, State.ONLY_PAIR];
const FAINT = 0.28;

/** Decoration: the words beside it say the same. */
export function MiniMap({ examples, states }: MiniMapProps) {
  const place = useRef<HTMLCanvasElement>(null);
  const colours = palette.value;
  useLayoutEffect(() => {
    const canvas = place.current;
    if (canvas === null) return;
    const scale = window.devicePixelRatio || 1;
    canvas.width = canvas.height = SIDE * scale;
    const context = canvas.getContext("2d");
    if (context === null) return;
    context.scale(scale, scale);
    draw(context, examples, states, colours);
  }, [examples, states, colours]);
  return (
    <span class="overview-map" aria-hidden="true">
      <canvas ref={place} />
    </span>
  );
}

function draw(
  context: CanvasRenderingContext2D,
  { x, y, length }: Examples,
  states: Uint8Array,
  colours: Palette,
): void {
  if (x === null || y === null) return;
  const side = Math.max(1.1, Math.min(3, 60 / Math.sqrt(length)));
  const across = SIDE - 2 * EDGE;
  for (const state of ORDER) {
    context.fillStyle = colours.states[state];
    context.globalAlpha = state === State.RIGHT || state === State.WRONG ? FAINT : 1;
    for (let i = 0; i < length; i++) {
      if (states[i] !== state) continue;
      const [left, up] = [EDGE + across * (x[i] ?? 0), EDGE + across * (1 - (y[i] ?? 0))];
      context.fillRect(left - side / 2, up - side / 2, side, side);
    }
  }
}
