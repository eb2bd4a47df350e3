// What the colours of the square mean; it stands in the empty half, so that a download has it too.
import type { Ramp } from "../../shared/colours";
import { fixed } from "../../shared/numbers";
import { palette } from "../../state/theme";

export const KEY = { width: 180, height: 94 } as const;

const STRIP = KEY.width - 12;
const STEPS = 33;

export interface KeyProps {
  readonly x: number;
  /** The scale runs from -end to end, pp. */
  readonly end: number;
  readonly ramp: Ramp;
}

export function Key({ x, end, ramp }: KeyProps) {
  const step = STRIP / STEPS;
  return (
    <g fill={palette.value.ink}>
      <text x={x} y={14}>
        drop beyond the sum, pp
      </text>
      {Array.from({ length: STEPS }, (_, i) => (
        <rect
          key={i}
          x={x + i * step}
          y={22}
          width={step + 0.5}
          height={12}
          fill={ramp.css(i / (STEPS - 1))}
        />
      ))}
      <text x={x} y={50}>
        {fixed(-end, 1)}
      </text>
      <text x={x + STRIP / 2} y={50} text-anchor="middle">
        0
      </text>
      <text x={x + STRIP} y={50} text-anchor="end">
        {fixed(end, 1)}
      </text>
      <text x={x} y={70}>
        ● adjusted p &lt; 0.05
      </text>
      <text x={x} y={88}>
        ◯ the strongest
      </text>
    </g>
  );
}
