// What an ablation does to all examples and to each class, and where the lost examples go.
import { useCallback, useMemo } from "preact/hooks";
import { ablationName } from "../../model/names";
import type { Ablation, Examples, Sweep } from "../../model/sweep";
import type { Report } from "../../page/report";
import { Chart, useSvg } from "../../shared/chart";
import { count, fixed, withInterval } from "../../shared/numbers";
import { Panel } from "../../shared/panel";
import { classIn } from "../../state/chosen";
import { set } from "../../state/fragment";
import { palette } from "../../state/theme";
import { useKey } from "../../state/usekey";
import { barsOptions, onBar } from "./bars";
import { Destinations } from "./destinations";
import "./effects.css";
import { type Group, groupsOf, MOST, rowOf, shownOf } from "./groups";
import { GroupTable } from "./table";

export interface EffectsProps {
  readonly report: Report;
  readonly examples: Examples;
  readonly sweep: Sweep;
  /** null: the intact network. */
  readonly ablation: Ablation | null;
  /** (example,) of `statesOf` or `intactStates`. */
  readonly states: Uint8Array;
}

export function Effects(props: EffectsProps) {
  const { report, sweep, examples, ablation, states } = props;
  const groups = useMemo(
    () => groupsOf(report.classes, sweep, examples, states),
    [report, sweep, examples, states],
  );
  const asked = classIn(useKey("class"), report.classes.length);
  const chosen = groups.find(({ index }) => index === asked)?.index ?? null; // if it has examples
  return (
    <>
      <Classes {...props} groups={groups} chosen={chosen} />
      <Destinations
        {...props}
        after={ablation ? sweep.predictions(ablation) : null}
        chosen={chosen}
      />
    </>
  );
}

const HELP =
  "Each bar is a class; the separate bar is all examples. From below: still right, lost only by " +
  "the pair, lost; so a bar ends at the accuracy of the intact network. Below zero hangs what was " +
  "gained: examples that only the ablated network gets right. Losses and gains are never set off " +
  "against each other: the drop is lost minus gained. The tick is the accuracy that is left, its " +
  "whisker the 95 % interval of the drop. Lost only by the pair: right after either unit alone is " +
  "ablated, wrong after both; the table also counts those that the intact network gets wrong, " +
  "as the paper does, the bar does not. A click on a bar or a name chooses a class, a second one " +
  "undoes the choice.";

interface ClassesProps extends EffectsProps {
  readonly groups: readonly Group[];
  readonly chosen: number | null;
}

function Classes({ report, ablation, groups, chosen }: ClassesProps) {
  const svg = useSvg("effects");
  const look = { chosen, ablated: ablation !== null, pair: ablation?.design === "pairs" };
  const { ablated, pair } = look;
  const shown = useMemo(() => shownOf(groups, chosen, ablated), [groups, chosen, ablated]);
  const choose = useCallback(
    (index: number | null) =>
      set({ class: index === null || index === chosen ? null : String(index) }),
    [chosen],
  );
  const says = said(ablationName(report, ablation), groups, chosen, ablated);
  const colours = palette.value;
  return (
    <Panel
      name="effects"
      title={ablated ? "Lost and gained by class" : "Right and wrong by class"}
      says={says}
      help={HELP}
      csv={() =>
        groups.map((group) => ({ units: ablation?.units.join(",") ?? "", ...rowOf(group, pair) }))
      }
      picture={svg.picture}
    >
      <Chart
        label={says}
        options={(width) => barsOptions(shown, { ...look, palette: colours, width })}
        drawn={(chart) => {
          svg.keep(chart);
          onBar(chart, (place) => choose(shown[place]?.index ?? null));
        }}
      />
      {groups.length > shown.length && (
        <p class="note">
          The {MOST} classes that are hit most, of {count(groups.length - 1)}; the CSV has all.
        </p>
      )}
      <GroupTable groups={shown} chosen={chosen} ablated={ablated} pair={pair} onChoose={choose} />
    </Panel>
  );
}

/** The drop in words, and the chosen or most affected class. */
function said(
  name: string,
  groups: readonly Group[],
  chosen: number | null,
  ablated: boolean,
): string {
  const [all, ...classes] = groups;
  if (!all) return "There are no examples.";
  if (!ablated) {
    return (
      `The intact network gets ${count(all.intact)} of ${count(all.total)} examples right ` +
      `(${fixed((100 * all.intact) / Math.max(all.total, 1))} %). Choose what to ablate.`
    );
  }
  const worst = [...classes].sort((a, b) => b.dropPp - a.dropPp)[0];
  const one = classes.find(({ index }) => index === chosen) ?? worst;
  const head = one === worst ? "Most affected is class" : "Class";
  return (
    `Without ${name} the network loses ${count(all.lost)} and gains ${count(all.gained)} of ` +
    `${count(all.total)} examples: a drop of ${withInterval(all.dropPp, all.interval)}.` +
    (one ? ` ${head} ${one.name}: ${withInterval(one.dropPp, one.interval)}.` : "")
  );
}
