// The entry: what ablating a share of each layer costs on average, layer by layer.
import { useMemo } from "preact/hooks";
import { methodName } from "../../model/names";
import { hasRandom, type Means, meansOf, type Tables } from "../../model/tables";
import { Chart } from "../../shared/chart";
import { Choice, type ChoiceProps } from "../../shared/choice";
import { withInterval, withUnit } from "../../shared/numbers";
import { Numbers } from "../../shared/numberstable";
import { Panel } from "../../shared/panel";
import { usePicture, valueAt } from "../../shared/picture";
import { percent } from "../../shared/words";
import { set } from "../../state/fragment";
import { palette } from "../../state/theme";
import { useChoice } from "../../state/usekey";
import type { Choices } from "./choices";
import { allShares, oneShare } from "./curveplot";

export interface CurveProps {
  readonly tables: Tables;
  readonly choices: Choices;
}

const LINES: ChoiceProps = {
  of: "curves",
  label: "Lines",
  values: [
    ["all", "one for each share ablated"],
    ["one", "the share chosen, in detail"],
  ],
};

const COLUMNS = [
  ["label", "layer"],
  ["proportion", "share ablated"],
  ["size", "filters in a group"],
  ["groups", "groups"],
  ["drop_pp", "mean drop (pp)"],
  ["drop_low_pp", "from"],
  ["drop_high_pp", "to"],
  ["q05_pp", "5 % quantile"],
  ["median_pp", "median"],
  ["q95_pp", "95 % quantile"],
  ["max_pp", "largest"],
  ["random_drop_pp", "random groups, mean"],
] as const;

const HELP =
  "Each filter is grouped with the most similar filters of its layer, as many as make up the share " +
  "chosen, and all of them are ablated at once; a layer has as many groups as filters. " +
  "In detail: the line is the mean over the groups, its bars the 95 % interval over the test " +
  "images, the dark band the middle half of the groups, the pale band 5 to 95 % of them, the " +
  "dashed line the mean of random groups of the same size. A click on a layer, in the picture or on " +
  "its button, opens its groups; a second one closes them.";

export function LayerCurve({ tables, choices }: CurveProps) {
  const { method, top, site } = choices;
  const lines = useChoice(LINES);
  const one = lines === "one" ? choices.proportion : null; // the others are all drawn anyway
  const means = useMemo(() => {
    const shares = one === null ? tables.proportions : [one];
    return shares.map((proportion) => meansOf(tables, { method, proportion, top }));
  }, [tables, method, top, one]);
  const open = site === null ? -1 : tables.sites.indexOf(site);
  const shown = { tables, means, open };
  const options = useMemo(
    () => (width: number) => (lines === "one" ? oneShare : allShares)(shown, width, palette.peek()),
    [means, open],
  );
  const { drawn, picture } = usePicture(
    one === null ? "layers" : `layers-${one}`,
    ({ chart, x }) => {
      const at = Math.round(valueAt(chart, "x", x) ?? -1);
      toggle(tables.sites[at]?.site, choices);
    },
  );
  const says = said(tables, choices, lines === "one");
  const rows = () =>
    tables.layers.filter(
      (row) => row.method === method && row.top === top && isShown(means, row.proportion),
    );
  return (
    <Panel
      name="layers"
      title="What each layer costs"
      announced={site === null} // else the map is, further down
      says={says}
      help={HELP}
      csv={rows}
      picture={picture}
    >
      <div class="choices">
        <Choice {...LINES} />
      </div>
      <Chart label={says} options={options} drawn={drawn} />
      <Sites tables={tables} choices={choices} />
      <Numbers label="Mean drop by layer" rows={rows} columns={COLUMNS} />
    </Panel>
  );
}

function isShown(means: readonly Means[], proportion: unknown): boolean {
  return means.some(({ setting }) => setting.proportion === proportion);
}

/** The layers as buttons. */
function Sites({ tables, choices }: CurveProps) {
  const drops = useMemo(
    () => meansOf(tables, choices).of("drop_pp"),
    [tables, choices.method, choices.proportion, choices.top],
  );
  return (
    <fieldset class="layers-sites">
      <legend class="unseen">Open a layer</legend>
      <span aria-hidden="true">Open layer</span>
      {tables.sites.map(({ site, label }, i) => (
        <button
          key={site}
          type="button"
          data-site={site}
          aria-pressed={site === choices.site?.site}
          title={`Layer ${label}: mean drop ${withUnit(drops[i] ?? Number.NaN)}`}
          onClick={() => toggle(site, choices)}
        >
          <span class="unseen">Layer </span>
          {label}
        </button>
      ))}
    </fieldset>
  );
}

/** Opens a layer; closes it if it is open. What was chosen in another one goes. */
function toggle(site: string | undefined, choices: Choices): void {
  if (site === undefined) return;
  set({ site: site === choices.site?.site ? null : site, group: null, draw: null });
}

function said(tables: Tables, choices: Choices, detail: boolean): string {
  const means = meansOf(tables, choices);
  const drops = means.of("drop_pp");
  const worst = drops.indexOf(Math.max(...drops.filter(Number.isFinite)));
  const at = tables.sites[worst];
  if (at === undefined) return "Nothing was measured for this choice.";
  const value = (name: string) => means.of(name)[worst] ?? Number.NaN;
  const drop = withInterval(value("drop_pp"), {
    low: value("drop_low_pp"),
    high: value("drop_high_pp"),
  });
  const beside =
    detail && hasRandom(tables)
      ? `; random groups of the same size cost ${withUnit(value("random_drop_pp"))}`
      : "";
  return (
    `Of ${tables.sites.length} layers, layer ${at.label} costs most when ${percent(choices.proportion)} of ` +
    `a layer is ablated, ${methodName(choices.method)}: ${drop} of top-${choices.top} accuracy, ` +
    `mean over its groups of similar filters${beside}.${detail ? "" : " Intervals are drawn where one share is shown alone."}`
  );
}
