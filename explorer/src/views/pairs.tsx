// Pairs of units: the map of what each costs beyond the sum, the chosen one, and the strongest.
import { useCallback, useMemo } from "preact/hooks";
import { unitNumber } from "../model/names";
import { sorted, type UnitInfo } from "../model/units";
import { table } from "../page/blocks";
import type { Report } from "../page/report";
import { useSvg } from "../shared/chart";
import { Choice } from "../shared/choice";
import { Loaded } from "../shared/loaded";
import { Panel } from "../shared/panel";
import { useTold } from "../shared/subject";
import { unitsIn } from "../state/chosen";
import { set } from "../state/fragment";
import { described, keyOf, type Pair, pairsOf, rowOf, strongest, summary } from "./pairs/pairs";
import "./pairs/pairs.css";
import { loadStudy } from "../model/study";
import { EvaluationChoice, useEvaluation } from "../shared/evaluation";
import { useChoice, useKey } from "../state/usekey";
import { Square } from "./pairs/square";
import { Strongest } from "./pairs/strongest";
import { Summary } from "./pairs/summary";

const SORT = "pairs-by"; // not `sort`: that one knows the scores too
const SORTS = [
  ["index", "number"],
  ["drop", "drop"],
] as const;

const HELP =
  "Each cell is a pair: red where ablating both costs more than the sum of their own drops, as " +
  "where one unit can stand in for the other; blue where it costs less, as where both serve the " +
  "same examples. A dot marks an adjusted p below 0.05 (Benjamini-Hochberg), the ring the " +
  "strongest. Few pairs lie beyond the ends of the scale. A click or Enter chooses a pair; arrows " +
  "go from cell to cell, Home and End along the row.";

export function Pairs({ report }: { readonly report: Report }) {
  const evaluation = useEvaluation(report);
  const load = async () => {
    const [study, rows] = await Promise.all([
      loadStudy(report, evaluation),
      table("interactions").then((found) => found.rows()),
    ]);
    return { evaluation, units: study.units, pairs: pairsOf(rows, evaluation) };
  };
  return (
    <>
      <div class="choices">
        <EvaluationChoice report={report} />
      </div>
      <Loaded of={evaluation} load={load}>
        {({ units, pairs, evaluation: of }) => (
          <Measured report={report} evaluation={of} units={units} pairs={pairs} />
        )}
      </Loaded>
    </>
  );
}

interface MeasuredProps extends PairsBenchProps {
  readonly evaluation: string;
}

function Measured({ evaluation, ...shown }: MeasuredProps) {
  useTold({ evaluation });
  return <PairsBench {...shown} />;
}

export interface PairsBenchProps {
  readonly report: Report;
  readonly units: readonly UnitInfo[];
  readonly pairs: readonly Pair[];
}

/** The pairs of one site. */
export function PairsBench({ report, units, pairs }: PairsBenchProps) {
  const svg = useSvg("pairs");
  const asked = unitsIn(useKey("units")).join(",");
  const by = useChoice({ of: SORT, values: SORTS });
  const order = useMemo(() => orderOf(units, pairs, by), [units, pairs, by]);
  const numberOf = useCallback((unit: number) => unitNumber(report, unit), [report]);
  const nameOf = useCallback(
    ({ units }: Pair) => `units ${units.map(numberOf).join(" and ")}`,
    [numberOf],
  );
  const chosen = pairs.find((pair) => keyOf(pair) === asked);
  const shown = chosen ?? strongest(pairs, "more", 1)[0];
  if (!shown) return <p class="note">This evaluation has no pairs.</p>;
  return (
    <>
      <Panel
        name="pairs"
        title="What pairs cost beyond the sum"
        announced
        says={chosen ? `${described(chosen, nameOf(chosen))}.` : summary(pairs, nameOf)}
        help={HELP}
        csv={() => pairs.map(rowOf)}
        picture={svg.picture}
      >
        <div class="choices">
          <Choice of={SORT} label="Units by" values={SORTS} />
        </div>
        <div class="pairs-bench">
          <Square
            pairs={pairs}
            order={order}
            chosen={asked}
            numberOf={numberOf}
            nameOf={nameOf}
            onChoose={choose}
            drawn={svg.keep}
          />
          <Summary pair={shown} name={nameOf(shown)} chosen={shown === chosen} units={units} />
        </div>
      </Panel>
      <Strongest pairs={pairs} nameOf={nameOf} chosen={asked} />
    </>
  );
}

function choose(pair: Pair): void {
  set({ units: keyOf(pair) });
}

/** The units that stand in a pair, by number or by drop. */
function orderOf(units: readonly UnitInfo[], pairs: readonly Pair[], by: string): number[] {
  const there = new Set(pairs.flatMap((pair) => pair.units));
  return sorted(units, by)
    .map(({ unit }) => unit)
    .filter((unit) => there.has(unit));
}
