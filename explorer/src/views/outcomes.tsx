// One ablation of a report of outcomes: the list beside it, the map, the groups, the examples.
import { useMemo } from "preact/hooks";
import { type Bench, idOf, inSweep, loadBench } from "../model/benches";
import { type Ablation, type Sweep, statesOf } from "../model/sweep";
import type { Measure, Report } from "../page/report";
import { Loaded } from "../shared/loaded";
import { useMiss } from "../shared/misses";
import { useTold } from "../shared/subject";
import { wholeIn } from "../state/chosen";
import { set } from "../state/fragment";
import { useKey } from "../state/usekey";
import { useList, useMeasure } from "./ablations/asked";
import { AblationsPanel } from "./ablations/panel";
import { Effects } from "./effects/effects";
import { MapPanel } from "./map/map";
import { Changes } from "./outcomes/changes";
import { ClassGallery } from "./outcomes/classgallery";
import { NotCarried } from "./outcomes/notcarried";
import { Now } from "./outcomes/now";
import "./outcomes/outcomes.css";

export function Outcomes({ report }: { readonly report: Report }) {
  const { measure, place } = useMeasure(report);
  return (
    <Loaded of={String(place)} load={() => loadBench(report, place)}>
      {(bench) => <Shown report={report} bench={bench} measure={measure} />}
    </Loaded>
  );
}

interface ShownProps {
  readonly report: Report;
  readonly bench: Bench;
  readonly measure: Measure;
}

const LEAST = 300; // px of the list beside the map

function Shown({ report, bench, measure }: ShownProps) {
  const { listing } = bench;
  const list = useList(listing, measure);
  const asked = useKey("ablation");
  const id = chosenIn(asked, listing.listed.length) ?? list.ids[0] ?? 0;
  const listed = listing.listed[id]!;
  useMiss("ablation", asked, String(id) === asked ? null : `ablation ${id}`);
  useTold({ ablation: id, site: listed.site, method: listed.method });
  const most = innerWidth < 1150 ? LEAST : Math.max(LEAST, innerHeight - 330);
  return (
    <div class="outcomes-bench">
      <div class="outcomes-list">
        <AblationsPanel
          report={report}
          {...{ listing, measure, list, chosen: id, most }}
          alone={false}
        />
      </div>
      <div class="outcomes-shown">
        <Now report={report} listing={listing} measure={measure} id={id} ids={list.ids} />
        <ByExample report={report} bench={bench} measure={measure} id={id} />
      </div>
    </div>
  );
}

function chosenIn(text: string, n: number): number | null {
  const id = wholeIn(text);
  return id !== null && id < n ? id : null;
}

/** What became of each example, where the page carries it. */
function ByExample({ id, ...props }: ShownProps & { readonly id: number }) {
  const { bench, measure, report } = props;
  const { listing, examples, cards } = bench;
  const row = listing.listed[id]?.row ?? -1;
  const note = cards.kind === "none" ? "" : listing.facts.cards.note;
  if (row < 0) return <NotCarried report={report} listing={listing} measure={measure} id={id} />;
  return (
    <>
      {examples.length < listing.facts.total && (
        <p class="note">
          The page carries outcomes of {examples.length.toLocaleString("en")} of the{" "}
          {listing.facts.total.toLocaleString("en")} examples, evenly spread; what follows is of
          these.
        </p>
      )}
      {bench.kind === "classes" ? (
        <OfClasses {...props} sweep={bench.sweep} id={id} />
      ) : (
        <Changes {...props} readings={bench.readings} id={id} row={row} />
      )}
      {note && <p class="note">{note}</p>}
    </>
  );
}

function OfClasses({ report, bench, sweep, id }: ShownProps & { sweep: Sweep; id: number }) {
  const { examples, listing, cards } = bench;
  const ablation = useMemo(() => inSweep(listing, sweep, id), [listing, sweep, id]);
  const states = useMemo(
    () => (ablation ? statesOf(sweep, examples, ablation) : new Uint8Array(examples.length)),
    [sweep, examples, ablation],
  );
  if (ablation === undefined) return null;
  const shown = { report, examples, sweep, ablation, states };
  const choose = (wanted: Ablation) => set({ ablation: String(idOf(listing, wanted)) });
  return (
    <>
      {listing.facts.to_precision && (
        <p class="note">
          Ablations were measured until their drop was known well enough: the interval above holds
          for that, those of the classes below are descriptive.
        </p>
      )}
      <div class="outcomes-sides">
        <div>
          <MapPanel {...shown} candidates={sweep.ablations} onChoose={choose} cards={cards} />
        </div>
        <div>
          <Effects {...shown} />
        </div>
      </div>
      <ClassGallery {...shown} cards={cards} />
    </>
  );
}
