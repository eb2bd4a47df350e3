// The strongest pairs as a table with links.
import { Choice } from "../../shared/choice";
import { Headings } from "../../shared/headings";
import { capital, count, fixed, withInterval } from "../../shared/numbers";
import { Panel } from "../../shared/panel";
import { linkTo } from "../../state/fragment";
import { useChoice } from "../../state/usekey";
import { keyOf, type Pair, placeInPage, rowOf, strongest, testText } from "./pairs";

const SIDES = [
  ["more", "more than the sum"],
  ["less", "less than the sum"],
] as const;

const MOST = 20;
const HEADINGS = ["pair", "excess, pp", "drop, pp", "sum, pp", "test", "lost only by the pair"];

export interface StrongestProps {
  readonly pairs: readonly Pair[];
  readonly nameOf: (pair: Pair) => string;
  /** Key of the chosen pair. */
  readonly chosen: string;
}

export function Strongest({ pairs, nameOf, chosen }: StrongestProps) {
  const side = useChoice({ of: "pairs", values: SIDES });
  const shown = strongest(pairs, side, MOST);
  const first = shown[0];
  if (!first) return null;
  return (
    <Panel
      name="strongest"
      title="Strongest pairs"
      says={`The ${shown.length} pairs that cost most ${side} than the sum of their units. First: ${nameOf(first)}, ${withInterval(first.excessPp, first.interval)}.`}
      csv={() => shown.map(rowOf)}
    >
      <div class="choices">
        <Choice of="pairs" label="That cost" values={SIDES} />
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a place that scrolls must be reached by keyboard */}
      <section class="scroll pairs-table" tabIndex={0} aria-label="Strongest pairs, as a table">
        <table>
          <Headings names={HEADINGS} />
          <tbody>
            {shown.map((pair) => (
              <Line key={keyOf(pair)} pair={pair} name={nameOf(pair)} on={keyOf(pair) === chosen} />
            ))}
          </tbody>
        </table>
      </section>
    </Panel>
  );
}

interface LineProps {
  readonly pair: Pair;
  readonly name: string;
  /** Whether it is the chosen one. */
  readonly on: boolean;
}

function Line({ pair, name, on }: LineProps) {
  return (
    <tr class={on ? "pairs-chosen" : ""}>
      <th scope="row">
        <a href={linkTo(placeInPage(pair))}>{capital(name)}</a>
      </th>
      <td class="number">{withInterval(pair.excessPp, pair.interval, "")}</td>
      <td class="number">{fixed(pair.dropPp)}</td>
      <td class="number">{fixed(pair.sumPp)}</td>
      <td>{testText(pair)}</td>
      <td class="number">{count(pair.onlyPair)}</td>
    </tr>
  );
}
