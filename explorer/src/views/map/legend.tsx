// What the colours mean, and how many examples have each.
import { count } from "../../shared/numbers";
import type { Entry } from "./scene";

export interface LegendProps {
  /** In the order shown. */
  readonly entries: readonly Entry[];
  /** By state. */
  readonly counted: readonly number[];
  readonly of: string;
}

export function Legend({ entries, counted, of }: LegendProps) {
  return (
    <ul class="map-legend" aria-label={`How many ${of} are in each state`}>
      {entries.map(({ state, key, word, colour }) => (
        <li key={key}>
          <span class="map-swatch" style={{ background: colour }} />
          {word} <b data-state={key}>{count(counted[state]!)}</b>
        </li>
      ))}
      <li class="map-of">of {of}</li>
    </ul>
  );
}
