// Where the lost examples go: which classes they are taken for.
import { useMemo } from "preact/hooks";
import { Chart, useSvg } from "../../shared/chart";
import { DataTable } from "../../shared/datatable";
import { count } from "../../shared/numbers";
import { Panel } from "../../shared/panel";
import { palette, theme } from "../../state/theme";
import type { EffectsProps } from "./effects";
import { type Flow, flowsOf, largest, sumOf } from "./flows";
import { MOST } from "./groups";
import { flowBarsOptions, heatmapOptions, told } from "./heatmap";

export interface DestinationsProps extends EffectsProps {
  /** (example,) predictions of the ablated network; null: the intact one. */
  readonly after: ArrayLike<number> | null;
  /** Index of the chosen class. */
  readonly chosen: number | null;
}

const COLUMNS = [
  ["label", "label"],
  ["taken_for", "taken for"],
  ["examples", "examples"],
] as const;

export function Destinations({
  report,
  examples,
  sweep,
  states,
  after,
  chosen,
}: DestinationsProps) {
  const svg = useSvg("taken-for");
  const all = useMemo(
    () => flowsOf(sweep, examples, states, after),
    [sweep, examples, states, after],
  );
  const { classes } = report;
  const flows = chosen === null ? all : all.filter(({ label }) => label === chosen);
  const word = after ? "lost" : "wrong";
  const says = said(flows, classes, word, chosen);
  const look = { classes, palette: palette.value, theme: theme.value };
  const draw = chosen === null ? heatmapOptions : flowBarsOptions;
  const rows = flows.map(({ label, taken, count }) => ({
    label: classes[label] ?? label,
    taken_for: classes[taken] ?? taken,
    examples: count,
  }));
  return (
    <Panel
      name="taken-for"
      title={`Where the ${word} examples ${chosen === null ? "" : `of class ${classes[chosen]} `}go`}
      says={says}
      help={`Each ${word} example by its label and by the class that the ${after ? "ablated" : "intact"} network takes it for. With a class chosen: that class alone.`}
      csv={() => rows}
      picture={svg.picture}
    >
      {flows.length > 0 && (
        <>
          <Chart
            label={says}
            options={(width) => draw(flows, { ...look, width })}
            drawn={svg.keep}
          />
          <Cut flows={flows} />
          <details class="effects-numbers">
            <summary>The numbers as a table</summary>
            <DataTable label={says} rows={rows} columns={COLUMNS} />
          </details>
        </>
      )}
    </Panel>
  );
}

/** Says what the chart leaves out. */
function Cut({ flows }: { readonly flows: readonly Flow[] }) {
  const [labels, taken] = [
    largest(flows, "label", Number.POSITIVE_INFINITY).length,
    largest(flows, "taken", Number.POSITIVE_INFINITY).length,
  ];
  if (labels <= MOST && taken <= MOST) return null;
  return (
    <p class="note">
      The {MOST} most frequent of {labels} labels and {taken} predictions; the table and the CSV
      have all.
    </p>
  );
}

function said(
  flows: readonly Flow[],
  classes: readonly string[],
  word: string,
  chosen: number | null,
): string {
  const of = chosen === null ? "" : ` of class ${classes[chosen]}`;
  const first = flows[0];
  if (!first) return `No example${of} is ${word}.`;
  return `${count(sumOf(flows))} examples${of} are ${word}; most often, ${told(first, classes)}.`;
}
