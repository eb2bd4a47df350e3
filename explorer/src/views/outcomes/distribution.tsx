// How the changes of all examples are distributed.
import { useMemo } from "preact/hooks";
import { meanOf } from "../../model/changes";
import { Chart, useSvg } from "../../shared/chart";
import { count } from "../../shared/numbers";
import { Panel } from "../../shared/panel";
import { several } from "../../shared/words";
import { palette } from "../../state/theme";
import { binsOf, histogram } from "./histogram";
import { useSome } from "./some";
import type { ToldChange } from "./toldchange";

const HELP =
  "On how many examples what was measured changes by so much. Blue: it falls, red: it rises. The " +
  "line is the mean with its 95 % interval (Student's t). What lies beyond the ends is counted in " +
  "the outermost bars.";

export function Distribution({ told }: { readonly told: ToldChange }) {
  const { changes, measure, entries } = told;
  const { some } = useSome(told);
  const svg = useSvg("changes");
  const found = useMemo(() => binsOf(changes, some), [changes, some]);
  const mean = useMemo(() => meanOf(changes, some ?? changes.keys()), [changes, some]);
  const colours = palette.value;
  const options = useMemo(
    () => () => histogram(found, mean, measure.name, entries, colours),
    [found, mean, measure, entries, colours],
  );
  const { up, down, none, beyond } = found;
  const says =
    `${measure.name} rises on ${count(up)} of ${several(up + down + none, "example")}, falls on ` +
    `${count(down)} and does not change on ${count(none)}.` +
    (beyond > 0 ? ` Beyond the ends of the scale lie ${count(beyond)}.` : "");
  return (
    <Panel
      name="changes"
      title="How changes are distributed"
      says={says}
      help={HELP}
      csv={() => found.bins.map(({ from, to, n }) => ({ from, to, examples: n }))}
      picture={svg.picture}
    >
      <Chart label={says} options={options} drawn={svg.keep} />
    </Panel>
  );
}
