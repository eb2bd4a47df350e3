// A layer ablated and retrained again and again.
import { useMemo } from "preact/hooks";
import { Chart } from "../../shared/chart";
import { DataTable } from "../../shared/datatable";
import { withInterval, withUnit } from "../../shared/numbers";
import { Numbers } from "../../shared/numberstable";
import { Panel } from "../../shared/panel";
import { usePicture } from "../../shared/picture";
import { percent, several } from "../../shared/words";
import { palette } from "../../state/theme";
import type { EpochsProps } from "./instancespanel";
import { type Chained, chained, iteratedPlot } from "./iterated";
import { EPOCH_COLUMNS, STEP_COLUMNS, startsNamed, stepRows } from "./table";

const HELP =
  "The network is ablated, retrained with the ablation held, ablated further, retrained, and so on. " +
  "At each dotted line more is ablated; the number above it is the share of the layer ablated from " +
  "there on. Empty circles: right after an ablation; full circles: the last epoch of an iteration. " +
  "Black: the intact network, with its 95 % interval in grey; dashed: the intact network, trained " +
  "just as long.";

export function Iterated({ rows, chosen, label }: EpochsProps) {
  const { measure, top } = chosen;
  const shown = useMemo(() => chained(rows, measure, top), [rows, measure, top]);
  const options = useMemo(
    () => (width: number) => iteratedPlot(shown, width, palette.peek()),
    [shown],
  );
  const { drawn, picture } = usePicture("recovery");
  const says = said(shown, label);
  const table = () =>
    startsNamed(
      rows.filter(({ experiment, start }) => experiment === "iterated" || start === "intact"),
    );
  return (
    <Panel
      name="recovery"
      title={`Layer ${label} ablated again and again`}
      announced
      says={says}
      help={HELP}
      csv={table}
      picture={picture}
    >
      <Chart label={says} options={options} drawn={drawn} />
      <DataTable
        label="What is left after each iteration"
        rows={stepRows(shown.steps)}
        columns={STEP_COLUMNS}
      />
      <Numbers label="Every epoch of every run" rows={table} columns={EPOCH_COLUMNS} />
    </Panel>
  );
}

function said({ steps, top }: Chained, label: string): string {
  const last = steps.at(-1);
  if (last === undefined) return `Layer ${label} was not ablated again and again.`;
  const { value, ...interval } = last.after.drop;
  const beside = last.control
    ? `; the intact network, trained just as long, drops by ${withUnit(last.control.drop.value)}`
    : "";
  return (
    `Layer ${label}, ${several(steps.length, "iteration")}: with ${percent(Math.round(1000 * last.share) / 1000)} of it ablated ` +
    `the drop in top-${top} accuracy is ${withUnit(last.before.drop.value)} right after the last ablation and ` +
    `${withInterval(value, interval)} after ${last.after.total} epochs of retraining in all${beside}.`
  );
}
