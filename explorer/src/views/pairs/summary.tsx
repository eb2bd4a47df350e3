// A pair in numbers, with the way to its map.
import type { UnitInfo } from "../../model/units";
import { capital, count, withInterval, withUnit } from "../../shared/numbers";
import { linkTo } from "../../state/fragment";
import { keyOf, type Pair, placeInPage, testText } from "./pairs";

export interface SummaryProps {
  readonly pair: Pair;
  /** "units 4 and 16". */
  readonly name: string;
  /** Whether the reader chose it; else it is the strongest. */
  readonly chosen: boolean;
  readonly units: readonly UnitInfo[];
}

export function Summary({ pair, name, chosen, units }: SummaryProps) {
  const singles = pair.units.flatMap((unit) => units.filter((each) => each.unit === unit));
  return (
    <div class="pairs-summary" data-shown={keyOf(pair)}>
      <h3>
        {capital(name)}
        {chosen ? "" : " (the strongest)"}
      </h3>
      <dl>
        {singles.map(({ unit, name, dropPp, interval }) => (
          <Line key={unit} what={`drop of ${name}`} value={withInterval(dropPp, interval)} />
        ))}
        <Line what="sum of both" value={withUnit(pair.sumPp)} />
        <Line what="drop of the pair" value={withUnit(pair.dropPp)} />
        <Line
          what="excess over the sum"
          value={withInterval(pair.excessPp, pair.interval)}
          strong
        />
        <Line what="test" value={testText(pair)} />
        <Line what="lost only by the pair" value={`${count(pair.onlyPair)} examples`} />
        {pair.onlyPair > 0 && (
          <Line
            what={`most of class ${pair.worst.name}`}
            value={`${withUnit(pair.worst.percent, "%", 1)} of its right examples`}
          />
        )}
      </dl>
      <a class="pairs-open" href={linkTo(placeInPage(pair))}>
        Open in Explore
      </a>
    </div>
  );
}

interface LineProps {
  readonly what: string;
  readonly value: string;
  readonly strong?: boolean;
}

function Line({ what, value, strong = false }: LineProps) {
  return (
    <div>
      <dt>{what}</dt>
      <dd>{strong ? <strong>{value}</strong> : value}</dd>
    </div>
  );
}
