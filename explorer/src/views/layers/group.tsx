// The group chosen, in words: which filters it takes, and what that costs.
import { number } from "../../model/columns";
import { columnOf, type Group, nearestCarried } from "../../model/groups";
import { ablationName, methodName } from "../../model/names";
import type { Ablation } from "../../model/sweep";
import type { Row } from "../../page/blocks";
import type { Report } from "../../page/report";
import { capital, count, withInterval, withUnit } from "../../shared/numbers";
import { Panel } from "../../shared/panel";
import { percent, several } from "../../shared/words";
import { set } from "../../state/fragment";

export interface GroupPanelProps {
  readonly report: Report;
  readonly ablation: Ablation;
  readonly group: Group;
  readonly similar: readonly Group[];
  /** How many examples the page carries outcomes of. */
  readonly carried: number;
}

export function GroupPanel({ report, ablation, group, similar, carried }: GroupPanelProps) {
  const { units } = ablation;
  return (
    <Panel
      name="layer-group"
      title={capital(ablationName(report, ablation))}
      says={said(ablation)}
      csv={() => [rowOf(ablation)]}
    >
      <details class="help">
        <summary>{several(units.length, "filter")} ablated</summary>
        <p class="layers-filters">{units.join(", ")}</p>
      </details>
      {group.row < 0 ? (
        <NotCarried group={group} similar={similar} />
      ) : (
        <Sample of={number(ablation.more.total)} carried={carried} />
      )}
    </Panel>
  );
}

function Sample({ of, carried }: { readonly of: number; readonly carried: number }) {
  if (!(of > carried)) return null;
  return (
    <p class="note">
      Above: over all {count(of)} test images. The page carries outcomes for {count(carried)} of
      them; map and classes below are of these.
    </p>
  );
}

function NotCarried({ group, similar }: Pick<GroupPanelProps, "group" | "similar">) {
  const other = nearestCarried(similar, group);
  return (
    <p class="note">
      The page carries outcomes by example for a sample of the groups, and this one is not among
      them: map and classes below are those of the intact network.{" "}
      {other && (
        <button type="button" onClick={() => set({ group: String(other.number), draw: null })}>
          Show filter {other.number}, whose group costs {withUnit(other.drop)}
        </button>
      )}
    </p>
  );
}

/** The costs in all accuracies that were counted, and how many random groups cost as much. */
function said({ units, method, more }: Ablation): string {
  const costs = [1, 5].flatMap((top) => costOf(more, top) ?? []);
  return (
    `${several(units.length, "filter")} of ${count(number(more.n_units))}, ${methodName(method)}: ` +
    `${costs.join("; ")}, of ${several(number(more.total), "image")}.${besideRandom(more)}`
  );
}

/** How many random groups cost as much; nothing for these themselves. */
function besideRandom({ random_share }: Row): string {
  const share = number(random_share);
  if (Number.isNaN(share)) return "";
  const some = share === 0 ? "None" : percent(Math.round(1000 * share) / 1000);
  return ` ${some} of the random groups of its size costs at least as much (top-1).`;
}

function costOf(more: Row, top: number): string | null {
  const value = (name: string) => number(more[columnOf(name, top)]);
  if (Number.isNaN(value("drop_pp"))) return null;
  const interval = { low: value("drop_low_pp"), high: value("drop_high_pp") };
  return (
    `top-${top} drop ${withInterval(value("drop_pp"), interval)}, ` +
    `${count(value("lost"))} lost and ${count(value("gained"))} gained`
  );
}

function rowOf({ site, units, method, design, more }: Ablation): Row {
  return { site, units: units.join(","), method, design, ...more };
}
