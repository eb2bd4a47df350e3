// The cases as cards: each opens its ablation.
import { useEffect, useState } from "preact/hooks";
import { inSweep, isOfClasses, loadBench } from "../../model/benches";
import type { Effect } from "../../model/effect";
import { loadLayers } from "../../model/layers";
import { type Examples, loadExamples, loadSweep, type Sweep } from "../../model/sweep";
import type { Report } from "../../page/report";
import { withInterval } from "../../shared/numbers";
import { wholeIn } from "../../state/chosen";
import { keys } from "../../state/fragment";
import {
  addressOf,
  changes,
  type Find,
  findGroup,
  findUnits,
  type Preview,
  preview,
} from "./cases";
import { MiniMap } from "./minimap";

interface Previews {
  readonly examples: Examples;
  /** By case. */
  readonly found: readonly (Preview | null)[];
}

export function Cards({ report }: { readonly report: Report }) {
  const previews = usePreviews(report);
  return (
    <ul class="overview-cards">
      {report.cases.map(({ title, caption, fragment }, i) => {
        const seen = previews?.found[i];
        return (
          <li key={fragment}>
            <a href={addressOf(fragment, keys.value)}>
              {previews && seen && <MiniMap examples={previews.examples} states={seen.states} />}
              <span class="overview-words">
                <strong>{title}</strong>
                <span>{caption}</span>
                {seen && <Changes effect={seen.effect} />}
              </span>
            </a>
          </li>
        );
      })}
    </ul>
  );
}

function Changes({ effect }: { readonly effect: Effect }) {
  return (
    <span class="overview-effect">
      drop {withInterval(effect.dropPp, effect.interval)}
      <br />
      {changes(effect).map(([state, words]) => (
        <span key={state} class="overview-state" data-of={state}>
          {words}
        </span>
      ))}
    </span>
  );
}

/** The cards stand at once; their maps come when the outcomes are read. None without a map. */
function usePreviews(report: Report): Previews | null {
  const [previews, setPreviews] = useState<Previews | null>(null);
  useEffect(() => {
    let wanted = true;
    load(report).then((found) => wanted && setPreviews(found), console.error);
    return () => {
      wanted = false;
    };
  }, [report]);
  return previews;
}

async function load(report: Report): Promise<Previews | null> {
  const examples = await loadExamples();
  if (examples.x === null) return null;
  if (report.kind === "outcomes" && !isOfClasses(report)) return null; // no states to show
  const [sweep, find] = await WAYS[report.kind](report);
  const found = report.cases.map(({ fragment }) => preview(sweep, examples, find, fragment));
  return { examples, found };
}

const WAYS = { mlp: ofUnits, layers: ofLayers, outcomes: ofOutcomes };

async function ofOutcomes(report: Report): Promise<[Sweep, Find]> {
  const bench = await loadBench(report, 0);
  if (bench.kind !== "classes") throw new Error("this report has no classes");
  const { listing, sweep } = bench;
  return [sweep, ({ ablation = "" }) => inSweep(listing, sweep, wholeIn(ablation) ?? -1)];
}

async function ofUnits({ evaluations: [first] }: Report): Promise<[Sweep, Find]> {
  if (first === undefined) throw new Error("this report has no evaluation");
  const sweep = await loadSweep(first);
  return [sweep, findUnits(sweep)];
}

async function ofLayers(report: Report): Promise<[Sweep, Find]> {
  const { sweep, tables } = await loadLayers(report);
  return [sweep, findGroup(tables)];
}
