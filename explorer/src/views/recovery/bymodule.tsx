// What carries the recovery: how far each module moved, and what undoing that costs.
import { useMemo } from "preact/hooks";
import type { Row } from "../../page/blocks";
import { withUnit } from "../../shared/numbers";
import { changePlot, undonePlot } from "./moduleplots";
import { type Moved, moved } from "./modules";
import { Part } from "./part";

export interface ByModuleProps {
  readonly layers: readonly Row[];
  readonly site: string;
  readonly label: string;
}

const COLUMNS = [
  ["module", "module"],
  ["change_percent", "change (%)"],
  ["undone_pp", "drop when undone (pp)"],
  ["undone_low_pp", "from"],
  ["undone_high_pp", "to"],
  ["intact_change_percent", "intact: change (%)"],
  ["intact_undone_pp", "intact: drop (pp)"],
] as const;

const HELP =
  "Change: the norm of the difference of a module's weights, divided by their norm before the " +
  "retraining. Drop when undone: what top-1 accuracy loses when this module alone goes back to what it was " +
  "before, with the mean of the runs' 95 % intervals. Shaded: the ablated layer. Modules before the " +
  "first one shown were not trained.";

export function ByModule({ layers, site, label }: ByModuleProps) {
  const found = useMemo(() => moved(layers, site), [layers, site]);
  if (found.length === 0) return null;
  const largest = (column: "change" | "drop") =>
    [...found].sort((a, b) => b[column] - a[column])[0];
  const [far, dear] = [largest("change"), largest("drop")];
  const same = { help: HELP, columns: COLUMNS, rowOf, found, shown: found };
  return (
    <div class="recovery-pair">
      <Part
        name="recovery-change"
        title="How far each module moved"
        says={`Of ${found.length} modules trained after the ablation of layer ${label}, ${far?.module} moved most: by ${withUnit(far?.change, "%")} of its weights' norm.`}
        {...same}
        plot={changePlot}
      />
      <Part
        name="recovery-undone"
        title="What undoing each module costs"
        says={`Undoing ${dear?.module} alone costs most: ${withUnit(dear?.drop)} of top-1 accuracy, mean over the runs.`}
        {...same}
        plot={undonePlot}
      />
    </div>
  );
}

function rowOf({ module, label, ablated, change, drop, low, high, ...control }: Moved): Row {
  return {
    module,
    label,
    ablated,
    change_percent: change,
    undone_pp: drop,
    undone_low_pp: low,
    undone_high_pp: high,
    intact_change_percent: control.controlChange,
    intact_undone_pp: control.controlDrop,
  };
}
