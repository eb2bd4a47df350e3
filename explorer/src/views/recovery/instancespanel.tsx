// One share of a layer ablated once, several ways, and retrained.
import { useMemo } from "preact/hooks";
import { mean } from "../../model/columns";
import type { Row } from "../../page/blocks";
import { Chart } from "../../shared/chart";
import { withUnit } from "../../shared/numbers";
import { Numbers } from "../../shared/numberstable";
import { Panel } from "../../shared/panel";
import { usePicture } from "../../shared/picture";
import { percent, several } from "../../shared/words";
import { palette } from "../../state/theme";
import type { Chosen } from "./choices";
import { instancesPlot, outside, type Recovering, recovering } from "./instances";
import { startName } from "./look";
import { EPOCH_COLUMNS, startsNamed } from "./table";

export interface EpochsProps {
  /** Of the layer and accuracy chosen. */
  readonly rows: readonly Row[];
  readonly chosen: Chosen;
  readonly label: string;
}

const HELP =
  "Each thin line is one instance: another group of as many filters ablated, then retrained with " +
  "the ablation held. The thick line is their mean, the coloured band the mean of their 95 % " +
  "intervals over the test images. Black: the intact network, with its interval in grey. Controls: " +
  "the intact network trained for as long, the ablated units drawn anew and trained with the others, and " +
  "the whole network from scratch; lines are means, upright bars go from the least to the most.";

export function Instances({ rows, chosen, label }: EpochsProps) {
  const { measure, top, from } = chosen;
  const shown = useMemo(() => recovering(rows, measure, top, from), [rows, measure, top, from]);
  const options = useMemo(
    () => (width: number) => instancesPlot(shown, width, palette.peek()),
    [shown],
  );
  const { drawn, picture } = usePicture("recovery");
  const says = said(shown, label);
  const away = from > 0 ? outside(shown).map(startName) : [];
  const table = () => startsNamed(rows.filter((row) => isInstance(row)));
  return (
    <Panel
      name="recovery"
      title={`Recovery of layer ${label}`}
      announced
      says={says}
      help={HELP}
      csv={table}
      picture={picture}
    >
      <Chart label={says} options={options} drawn={drawn} />
      {away.length > 0 && <p class="note">Outside the enlarged range: {away.join(", ")}.</p>}
      <Numbers label="Every epoch of every run" rows={table} columns={EPOCH_COLUMNS} />
    </Panel>
  );
}

/** Instances and their controls; the intact network may have been trained for the iterations. */
function isInstance({ experiment, start }: Row): boolean {
  return experiment === "instances" || start === "intact";
}

function said({ runs, top }: Recovering, label: string): string {
  const value = (at: number) =>
    mean(runs.map(({ points }) => points.at(at)?.drop.value ?? Number.NaN));
  const gone = runs.filter(({ diverged }) => diverged).length;
  return (
    `${percent(runs[0]?.share ?? Number.NaN)} of layer ${label} ablated, ${several(runs.length, "instance")}: the mean drop in ` +
    `top-${top} accuracy is ${withUnit(value(0))} right after the ablation and ${withUnit(value(-1))} after ` +
    `retraining with the ablation held.${gone > 0 ? ` ${several(gone, "run")} diverged.` : ""}`
  );
}
