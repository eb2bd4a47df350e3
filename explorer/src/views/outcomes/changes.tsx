// Outcomes that are numbers: the map by change, how changes are distributed, their means by group.
import { useMemo } from "preact/hooks";
import type { Bench } from "../../model/benches";
import { changesOf, type Readings, scaleOf, stepsOf } from "../../model/changes";
import type { Measure, Report } from "../../page/report";
import { palette, theme } from "../../state/theme";
import { ChangeGallery } from "./changegallery";
import { ChangeMap } from "./changemap";
import { Distribution } from "./distribution";
import { Groups } from "./groups";
import { stepEntries } from "./steps";
import type { ToldChange } from "./toldchange";

export interface ChangesProps {
  readonly report: Report;
  readonly bench: Bench;
  readonly measure: Measure;
  readonly readings: Readings;
  readonly id: number;
  readonly row: number;
}

export function Changes({ report, bench, measure, readings, id, row }: ChangesProps) {
  const { examples, cards, listing } = bench;
  const changes = useMemo(() => changesOf(readings, row), [readings, row]);
  const after = useMemo(() => readings.ablated(row), [readings, row]);
  const scale = useMemo(() => scaleOf(changes), [changes]);
  const states = useMemo(() => stepsOf(changes, scale), [changes, scale]);
  const [colours, mode] = [palette.value, theme.value];
  const entries = useMemo(() => stepEntries(scale, colours, mode), [scale, colours, mode]);
  const told: ToldChange = useMemo(
    () => ({
      report,
      examples,
      cards,
      measure,
      changes,
      after,
      states,
      entries,
      scale,
      intact: readings.intact,
      listed: listing.listed[id]!,
    }),
    [
      report,
      examples,
      cards,
      measure,
      changes,
      after,
      states,
      entries,
      scale,
      readings,
      listing,
      id,
    ],
  );
  return (
    <>
      <div class="outcomes-sides">
        <div>
          <ChangeMap told={told} />
        </div>
        <div>
          <Distribution told={told} />
          <Groups told={told} />
        </div>
      </div>
      <ChangeGallery told={told} />
    </>
  );
}
