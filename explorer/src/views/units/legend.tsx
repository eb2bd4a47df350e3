// What the colours of the units mean.
import { DEAD_WORDS } from "../../model/scores";
import type { UnitInfo } from "../../model/units";
import { diverging, type Ramp, sequential } from "../../shared/colours";
import { fixed } from "../../shared/numbers";
import { theme } from "../../state/theme";

export interface LegendProps {
  readonly units: readonly UnitInfo[];
  readonly limit: number;
  readonly most: number;
}

export function Legend({ units, limit, most }: LegendProps) {
  const dead = units.filter((unit) => unit.dead).length;
  return (
    <p class="unit-legend">
      <Scale low="0 or less" high={`${fixed(most)} pp`} ramp={sequential(theme.value)} of="drop" />
      {units.some(({ image }) => image) && (
        <Scale
          low={`\u2212${limit.toPrecision(2)}`}
          high={limit.toPrecision(2)}
          ramp={diverging(theme.value)}
          of="incoming weight"
        />
      )}
      {dead > 0 && (
        <span>
          <span class="unit-swatch unit-dead" /> dead: {dead} of {units.length}, {DEAD_WORDS}
        </span>
      )}
    </p>
  );
}

interface ScaleProps {
  readonly of: string;
  readonly low: string;
  readonly high: string;
  readonly ramp: Ramp;
}

/** A strip of colours between its two ends. */
export function Scale({ of, low, high, ramp }: ScaleProps) {
  const stops = Array.from({ length: 11 }, (_, i) => ramp.css(i / 10));
  return (
    <span class="unit-scale">
      {of} {low}
      <span style={{ background: `linear-gradient(to right, ${stops.join(",")})` }} />
      {high}
    </span>
  );
}
