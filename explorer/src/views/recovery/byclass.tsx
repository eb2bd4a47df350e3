// Per class: what is lost right after the ablation, and how much of it comes back.
import { useMemo } from "preact/hooks";
import type { Row, Table } from "../../page/blocks";
import { withUnit } from "../../shared/numbers";
import { type ClassRecovery, cameBack, classRecovery, mostAndLeast } from "./classes";
import { countsPlot, dropsPlot } from "./classplots";
import { Part } from "./part";

export interface ByClassProps {
  readonly classes: Table;
  readonly site: string;
  readonly top: number;
  readonly label: string;
}

const MOST = 24; // classes drawn

const COLUMNS = [
  ["class", "class"],
  ["before_pp", "drop right after (pp)"],
  ["after_pp", "drop after retraining (pp)"],
  ["came_back_pp", "came back (pp)"],
  ["lost_before_percent", "lost right after (%)"],
  ["lost_after_percent", "lost after (%)"],
  ["gained_before_percent", "gained right after (%)"],
  ["gained_after_percent", "gained after (%)"],
] as const;

const HELP =
  "Classes are in the order of what came back. Circles are means over the instances, lines go " +
  "from the least to the most. Lost: wrong where the intact network is right; gained: the reverse; " +
  "both in percent of the class's images.";

export function ByClass({ classes, site, top, label }: ByClassProps) {
  const found = useMemo(() => classRecovery(classes, { site, top }), [classes, site, top]);
  const shown = useMemo(() => mostAndLeast(found, MOST), [found]);
  if (found.length === 0) return null;
  const some =
    found.length > shown.length
      ? ` Drawn: the ${MOST / 2} first and the ${MOST / 2} last of ${found.length}.`
      : "";
  const best = found[0];
  const drops =
    `Top-${top} accuracy of the classes when layer ${label} is ablated. Class ${best?.name} gets most back: its drop ` +
    `goes from ${withUnit(best?.before.mean)} to ${withUnit(best?.after.mean)}.${some}`;
  const same = { help: HELP, columns: COLUMNS, rowOf, found, shown };
  return (
    <div class="recovery-pair">
      <Part
        name="recovery-classes"
        title="Each class before and after"
        says={drops}
        {...same}
        plot={dropsPlot}
      />
      <Part
        name="recovery-counts"
        title="Lost and gained by class"
        says={saidOfCounts(found)}
        {...same}
        plot={countsPlot}
      />
    </div>
  );
}

function saidOfCounts(found: readonly ClassRecovery[]): string {
  const still = [...found].sort((a, b) => b.after.lost - a.after.lost)[0];
  return still
    ? `After retraining class ${still.name} still loses most: ${withUnit(still.after.lost, "%", 1)} of its images, ` +
        `beside ${withUnit(still.after.gained, "%", 1)} gained.`
    : "";
}

function rowOf(each: ClassRecovery): Row {
  const { name, index, before, after } = each;
  return {
    class: name,
    class_index: index,
    before_pp: before.mean,
    before_least_pp: before.least,
    before_most_pp: before.most,
    after_pp: after.mean,
    after_least_pp: after.least,
    after_most_pp: after.most,
    came_back_pp: cameBack(each),
    lost_before_percent: before.lost,
    lost_after_percent: after.lost,
    gained_before_percent: before.gained,
    gained_after_percent: after.gained,
  };
}
