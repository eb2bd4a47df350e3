// A pair's cell: a button whose colour is its excess.
import type { Ramp } from "../../shared/colours";
import { palette } from "../../state/theme";
import { described, keyOf, type Pair, significant } from "./pairs";

export interface SquareCellProps {
  readonly pair: Pair;
  readonly x: number;
  readonly y: number;
  readonly side: number;
  /** On the scale of the colours, 0 to 1. */
  readonly t: number;
  readonly ramp: Ramp;
  /** "units 4 and 16". */
  readonly name: string;
  readonly pressed: boolean;
  readonly ringed: boolean;
  /** Whether Tab stops here. */
  readonly stop: boolean;
  readonly onChoose: (pair: Pair) => void;
  readonly onFocus: (key: string) => void;
}

export function SquareCell(props: SquareCellProps) {
  const { pair, x, y, side, t, ramp, name, pressed, ringed, stop, onChoose, onFocus } = props;
  const text = described(pair, name);
  const middle = { cx: x + side / 2, cy: y + side / 2, "pointer-events": "none" } as const;
  return (
    <>
      {/* biome-ignore lint/a11y/useSemanticElements: a drawing has no button element */}
      <rect
        class="pairs-cell"
        data-pair={keyOf(pair)}
        role="button"
        // in lower case: SVG attributes are told apart by case
        tabindex={stop ? 0 : -1}
        aria-label={text}
        aria-pressed={pressed}
        x={x + 0.5}
        y={y + 0.5}
        width={side - 1}
        height={side - 1}
        fill={ramp.css(t)}
        onClick={() => onChoose(pair)}
        onFocus={() => onFocus(keyOf(pair))}
        onKeyDown={(event) => {
          if (event.key !== "Enter" && event.key !== " ") return;
          event.preventDefault();
          onChoose(pair);
        }}
      >
        <title>{text}</title>
      </rect>
      {significant(pair) && <circle {...middle} r={Math.min(side / 12, 2.5)} fill={ramp.ink(t)} />}
      {ringed && <circle {...middle} r={side * 0.36} fill="none" stroke={ramp.ink(t)} />}
      {pressed && (
        <rect
          x={x + 1.5}
          y={y + 1.5}
          width={side - 3}
          height={side - 3}
          fill="none"
          stroke={palette.value.ink}
          stroke-width={3}
          pointer-events="none"
        />
      )}
    </>
  );
}
