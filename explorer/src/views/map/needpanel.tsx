// What the selected examples need: the ablations that lose the largest shares of them.
import { useCallback, useMemo } from "preact/hooks";
import { ablationName } from "../../model/names";
import type { Ablation } from "../../model/sweep";
import { Chart, useSvg } from "../../shared/chart";
import { count, fixed, withInterval } from "../../shared/numbers";
import { Panel } from "../../shared/panel";
import { palette } from "../../state/theme";
import { useKey } from "../../state/usekey";
import { barHit, bars } from "./needchart";
import { inPercent, type Need, needsOf, rightOf } from "./needs";
import { NeedTable } from "./needtable";
import { rowsOf, type Told } from "./rows";
import { marked } from "./selection";
import { nothingSelected, selectedWords } from "./words";

export interface NeedPanelProps {
  readonly told: Told;
  /** (example,) 1 where selected. */
  readonly some: Uint8Array;
  readonly candidates: readonly Ablation[];
  readonly onChoose: (ablation: Ablation) => void;
}

const HELP =
  "Of the selected examples that the intact network gets right: the share that each ablation loses, " +
  "with its 95 % interval (Wilson). A bar that ends far beyond its diamond belongs to units that these " +
  "examples need more than examples do in general. A click on a bar, or on a name in the table, shows " +
  "that ablation. The CSV lists the selected examples.";

export function NeedPanel({ told, some, candidates, onChoose }: NeedPanelProps) {
  const { sweep, examples } = told;
  const needs = useMemo(
    () => needsOf(sweep, examples, some, candidates),
    [sweep, examples, some, candidates],
  );
  const svg = useSvg("map-needs");
  const { report, ablation } = told;
  const options = useMemo(
    () => (width: number) => bars({ report, ablation }, needs, width, palette.peek()),
    [report, ablation, needs],
  );
  const drawn = useCallback(
    (chart: SVGSVGElement) => {
      svg.keep(chart);
      chart.onclick = ({ target }) => {
        const need = needs[barHit(target)];
        if (need) onChoose(need.ablation);
      };
    },
    [svg.keep, needs, onChoose],
  );
  const says = sentence(told, some, needs, candidates.length, useKey("select"));
  return (
    <Panel
      name="map-needs"
      title="What the selected examples need"
      says={says}
      help={HELP}
      csv={() => rowsOf(told, some)}
      picture={needs.length > 0 ? svg.picture : undefined}
    >
      {needs.length > 0 && (
        <>
          <Chart
            label="Share of the selected examples that each ablation loses, in percent"
            options={options}
            drawn={drawn}
          />
          <p class="note">
            Bar: lost of the selected examples; line: its 95 % interval; ◇: lost of all examples.
          </p>
          <details class="map-numbers">
            <summary>The numbers as a table</summary>
            <NeedTable told={told} needs={needs} onChoose={onChoose} />
          </details>
        </>
      )}
    </Panel>
  );
}

function sentence(
  told: Told,
  some: Uint8Array,
  needs: readonly Need[],
  asked: number,
  select: string,
): string {
  const n = marked(some).length;
  if (n === 0) return nothingSelected(told, select);
  const right = rightOf(told.sweep, told.examples, some).length;
  const of = `${selectedWords(n)}; the intact network gets ${count(right)} of them right.`;
  const [first] = needs;
  if (first === undefined) return `${of} There is nothing that an ablation could lose.`;
  const share = withInterval(100 * first.share, inPercent(first.interval), "%");
  const shown =
    needs.length < asked ? ` Shown are the ${needs.length} largest of ${count(asked)}.` : "";
  return (
    `${of} The ablation of ${ablationName(told.report, first.ablation)} loses the largest share of these, ${share}; ` +
    `of all examples it loses ${fixed(100 * first.overall)}\u00a0%.${shown}`
  );
}
