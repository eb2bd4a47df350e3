// What comes back when an ablated network is retrained with the ablation held.
import { useMemo } from "preact/hooks";
import { has, type Row, type Table, table } from "../page/blocks";
import type { Report } from "../page/report";
import { Choice, useChoiceMiss } from "../shared/choice";
import { Loaded } from "../shared/loaded";
import { useTold } from "../shared/subject";
import { ByClass } from "./recovery/byclass";
import { ByModule } from "./recovery/bymodule";
import { type Chosen, chosenIn, optionsOf } from "./recovery/choices";
import { Instances } from "./recovery/instancespanel";
import { Iterated } from "./recovery/iteratedpanel";
import "./recovery/recovery.css";
import { useKey } from "../state/usekey";
import { rowsOf } from "./recovery/runs";

interface Tables {
  readonly recovery: readonly Row[];
  readonly classes: Table | null;
  readonly layers: readonly Row[];
}

async function load(): Promise<Tables> {
  const [recovery, classes, layers] = await Promise.all([
    table("recovery"),
    has("recovery_classes") ? table("recovery_classes") : null,
    has("recovery_layers") ? table("recovery_layers") : null,
  ]);
  return { recovery: recovery.rows(), classes, layers: layers?.rows() ?? [] };
}

export function Recovery({ report }: { readonly report: Report }) {
  return (
    <Loaded of="recovery" load={load}>
      {(tables) => <View report={report} tables={tables} />}
    </Loaded>
  );
}

function View({ report, tables }: { readonly report: Report; readonly tables: Tables }) {
  const { recovery, classes, layers } = tables;
  const options = useMemo(() => optionsOf(recovery, report.classes.length), [recovery, report]);
  const chosen = useChosen(options);
  const { site, top, experiment } = chosen;
  const rows = useMemo(() => rowsOf(recovery, { site, top }), [recovery, site, top]);
  const label = String(rows[0]?.label ?? site);
  useTold({ experiment, site, top });
  useChoiceMiss(options.experiment); // lists of one are not there
  useChoiceMiss(options.top);
  const Epochs = experiment === "iterated" ? Iterated : Instances;
  return (
    <>
      <div class="choices">
        {options.experiment.values.length > 1 && <Choice {...options.experiment} />}
        <Choice {...options.site} />
        {options.top.values.length > 1 && <Choice {...options.top} />}
        <Choice {...options.measure} />
        {experiment !== "iterated" && <Choice {...options.from} />}
      </div>
      <Epochs rows={rows} chosen={chosen} label={label} />
      {classes && <ByClass classes={classes} site={site} top={top} label={label} />}
      <ByModule layers={layers} site={site} label={label} />
    </>
  );
}

/** What the address chooses; the same object until that changes. */
function useChosen(options: ReturnType<typeof optionsOf>): Chosen {
  const [experiment, site, top] = [useKey("experiment"), useKey("site"), useKey("top")];
  const [measure, from] = [useKey("measure"), useKey("from")];
  return useMemo(
    () => chosenIn(options, { experiment, site, top, measure, from }),
    [options, experiment, site, top, measure, from],
  );
}
