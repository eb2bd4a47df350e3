// How the drops of a layer's groups are distributed, beside those of random groups.
import { useMemo } from "preact/hooks";
import { mean } from "../../model/columns";
import type { Group } from "../../model/groups";
import { Chart } from "../../shared/chart";
import { withInterval, withUnit } from "../../shared/numbers";
import { Numbers } from "../../shared/numberstable";
import { Panel } from "../../shared/panel";
import { type Place, usePicture, valueAt } from "../../shared/picture";
import { several } from "../../shared/words";
import { set } from "../../state/fragment";
import { palette } from "../../state/theme";
import type { Choices } from "./choices";
import { histograms, NAMES } from "./distributionplot";

export interface DistributionProps {
  readonly choices: Choices;
  readonly similar: readonly Group[];
  readonly random: readonly Group[];
  readonly group: Group | null;
}

const HELP =
  "Above: for how many of the layer's groups of similar filters ablation costs that much; below: the " +
  "same for random groups of as many filters. Dashed: means. A click chooses the group whose drop is " +
  "nearest; the list chooses a random group.";

const COLUMNS = [
  ["design", "groups"],
  ["number", "filter or draw"],
  ["drop_pp", "drop (pp)"],
  ["drop_low_pp", "from"],
  ["drop_high_pp", "to"],
] as const;

export function Distribution({ choices, similar, random, group }: DistributionProps) {
  const groups = useMemo(() => [...similar, ...random], [similar, random]);
  const options = useMemo(() => () => histograms(groups, group, palette.peek()), [groups, group]);
  const { drawn, picture } = usePicture("layer-groups", (place) => {
    choose(nearestTo(groups, place));
  });
  const says = said(choices, similar, random);
  const { method, proportion, top } = choices;
  const of = { site: choices.site?.site ?? null, method, proportion, top };
  const rows = () =>
    groups.map(({ design, number, drop, low, high }) => ({
      ...of,
      design: NAMES[design],
      number,
      drop_pp: drop,
      drop_low_pp: low,
      drop_high_pp: high,
    }));
  return (
    <Panel
      name="layer-groups"
      title="Similar and random groups"
      says={says}
      help={HELP}
      csv={rows}
      picture={picture}
    >
      {random.length > 0 && <RandomGroups random={random} group={group} />}
      <Chart label={says} options={options} drawn={drawn} />
      <Numbers label="Drop of every group of the layer" rows={rows} columns={COLUMNS} />
    </Panel>
  );
}

/** The random groups as a list. */
function RandomGroups({ random, group }: Pick<DistributionProps, "random" | "group">) {
  const now = group?.design === "random_groups" ? String(group.number) : "";
  return (
    <div class="choices">
      <label class="choice">
        <span>Random group</span>
        <select
          data-key="draw"
          value={now}
          onChange={(event) => set({ draw: event.currentTarget.value || null })}
        >
          <option value="">none</option>
          {random.map(({ number, drop }) => (
            <option key={number} value={number}>
              {number}: {withUnit(drop)}
            </option>
          ))}
        </select>
      </label>
    </div>
  );
}

function choose(group: Group | undefined): void {
  if (group?.design === "random_groups") set({ draw: String(group.number) });
  else if (group) set({ group: String(group.number), draw: null });
}

/** The group whose drop is nearest to a place of the chart, among those of its half. */
function nearestTo(groups: readonly Group[], { chart, x, y }: Place): Group | undefined {
  const drop = valueAt(chart, "x", x);
  const fy = chart.scale("fy");
  if (drop === undefined || fy === undefined) return undefined;
  const half = groups.filter(({ design }) => {
    const from = Number(fy.apply(NAMES[design]));
    return y >= from && y <= from + (fy.bandwidth ?? 0);
  });
  return half.sort((a, b) => Math.abs(a.drop - drop) - Math.abs(b.drop - drop))[0];
}

function said({ site, top }: Choices, similar: readonly Group[], random: readonly Group[]): string {
  const worst = [...similar].sort((a, b) => b.drop - a.drop)[0];
  if (worst === undefined) return "Nothing was measured for this choice.";
  const helped = similar.filter(({ drop }) => drop < 0).length;
  const average = (groups: readonly Group[]) => withUnit(mean(groups.map(({ drop }) => drop)));
  const beside =
    random.length > 0 ? `, of ${several(random.length, "random group")} ${average(random)}` : "";
  return (
    `Layer ${site?.label}: the mean drop in top-${top} accuracy of ${several(similar.length, "group")} of similar ` +
    `filters is ${average(similar)}${beside}. The costliest is that of filter ${worst.number}, ` +
    `${withInterval(worst.drop, worst)}; ${helped === 0 ? "none helps" : `${helped} help`}.`
  );
}
