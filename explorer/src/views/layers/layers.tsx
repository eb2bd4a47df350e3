// A layer study from the whole to the parts: all layers, the groups of one, a group, its classes.
import { useMemo } from "preact/hooks";
import { ablationOf, chosenGroup, type Group, groupsOf, unitsOfLayer } from "../../model/groups";
import { type Ablation, intactStates, statesOf } from "../../model/sweep";
import type { Report } from "../../page/report";
import { Choice, useChoiceMiss } from "../../shared/choice";
import { Loaded } from "../../shared/loaded";
import { useMiss } from "../../shared/misses";
import { Remark } from "../../shared/panel";
import { useTold } from "../../shared/subject";
import { set } from "../../state/fragment";
import { useKey } from "../../state/usekey";
import { Effects } from "../effects/effects";
import { MapPanel } from "../map/map";
import { type RowWords, UnitRow } from "../units/row";
import { ByClass } from "./byclass";
import { type Choices, choicesOf, optionsOf } from "./choices";
import { LayerCurve } from "./curve";
import { Distribution } from "./distribution";
import { GroupPanel } from "./group";
import "./layers.css";
import { type Layers as Loadable, loadLayers } from "../../model/layers";
import type { Site, Tables } from "../../model/tables";
import { percent } from "../../shared/words";

const GROUPS: RowWords = {
  many: "groups",
  column: "anchor",
  own: "filter",
  help:
    "Each number is a filter, on the colour of what its group costs: the filter and those most " +
    "similar to it, ablated together. Point at it for that drop and its interval; the rest of what " +
    "is shown is about the filter itself. A click chooses the group, a second one undoes that.",
};

interface ViewProps {
  readonly report: Report;
  readonly found: Loadable;
}

export function Layers({ report }: { readonly report: Report }) {
  return (
    <Loaded of="layers" load={() => loadLayers(report)}>
      {(found) => <View report={report} found={found} />}
    </Loaded>
  );
}

function View({ report, found }: ViewProps) {
  const { tables } = found;
  const choices = useChoices(tables);
  const options = optionsOf(tables);
  const { method, proportion, top, site } = choices;
  useTold({ method, proportion, top, site: site?.site ?? null });
  useChoiceMiss(options.top); // its list is not there if there is only one
  useMiss("site", useKey("site"), site ? null : "all layers");
  return (
    <>
      <div class="choices">
        <Choice {...options.method} />
        <Choice {...options.proportion} />
        {tables.tops.length > 1 && <Choice {...options.top} />}
      </div>
      <LayerCurve tables={tables} choices={choices} />
      {choices.site === null ? (
        <p class="note">Open a layer to see what each of its groups costs.</p>
      ) : (
        <OpenLayer report={report} found={found} choices={choices} site={choices.site} />
      )}
      <ByClass report={report} tables={tables} choices={choices} />
    </>
  );
}

/** What the address chooses; the same object until that changes. */
function useChoices(tables: Tables): Choices {
  const [method, proportion, top] = [useKey("method"), useKey("proportion"), useKey("top")];
  const [site, group, draw] = [useKey("site"), useKey("group"), useKey("draw")];
  return useMemo(
    () => choicesOf(tables, { method, proportion, top, site, group, draw }),
    [tables, method, proportion, top, site, group, draw],
  );
}

interface OpenProps extends ViewProps {
  readonly choices: Choices;
  readonly site: Site;
}

/** The groups of the layer that is open, and the one chosen. */
function OpenLayer({ report, found, choices, site }: OpenProps) {
  const { tables, examples } = found;
  const { similar, random, candidates } = useGroups(found, choices, site);
  const units = useMemo(() => unitsOfLayer(tables, site.site, similar), [tables, site, similar]);
  const group = chosenGroup(choices, similar, random);
  const ablation = useMemo(() => group && ablationOf(tables.groups, group), [group]);
  const anchor = group?.design === "similar_groups" ? group.number : null;
  const chosen = useMemo(() => (anchor === null ? [] : [anchor]), [anchor]);
  const draw = group?.design === "random_groups" ? group.number : null;
  useTold({ anchor, draw });
  useGroupMiss(group);
  return (
    <>
      <UnitRow
        title={`Layer ${site.label}: filters, each with the most similar ones, ${percent(choices.proportion)}`}
        units={units}
        chosen={chosen}
        words={GROUPS}
        onChoose={(unit) => set({ group: unit === anchor ? null : String(unit), draw: null })}
      />
      <Distribution choices={choices} similar={similar} random={random} group={group} />
      {group && ablation && (
        <GroupPanel
          report={report}
          ablation={ablation}
          group={group}
          similar={similar}
          carried={examples.length}
        />
      )}
      <ByExample
        report={report}
        found={found}
        choices={choices}
        ablation={ablation && ablation.row >= 0 ? ablation : null}
        candidates={candidates}
      />
    </>
  );
}

/** Says so if the address asks for a group that the layer does not have. */
function useGroupMiss(group: Group | null): void {
  const [asked, draw] = [useKey("group"), useKey("draw")];
  const shown = group ? `the group of filter ${group.number}` : "no group";
  const random = group?.design === "random_groups";
  useMiss("random group", draw, random ? null : shown);
  useMiss("group", asked, group || draw ? null : shown);
}

/** The groups of a layer; candidates are those whose outcomes by example the page carries. */
function useGroups({ tables }: Loadable, choices: Choices, { site }: Site) {
  const { method, proportion, top } = choices;
  return useMemo(() => {
    const setting = { method, proportion, top };
    const similar = groupsOf(tables, site, setting, "similar_groups");
    const carried = similar.filter(({ row }) => row >= 0);
    return {
      similar,
      random: groupsOf(tables, site, setting, "random_groups"),
      candidates: carried.map((group) => ablationOf(tables.groups, group)),
    };
  }, [tables, site, method, proportion, top]);
}

type ByExampleProps = ViewProps & {
  readonly choices: Choices;
  readonly ablation: ReturnType<typeof ablationOf> | null;
  readonly candidates: readonly ReturnType<typeof ablationOf>[];
};

/** What became of each example: the map, and the classes. */
function ByExample({ report, found, choices, ablation, candidates }: ByExampleProps) {
  const { sweep, examples } = found;
  const states = useMemo(
    () => (ablation ? statesOf(sweep, examples, ablation) : intactStates(sweep, examples)),
    [sweep, examples, ablation],
  );
  const shown = { report, examples, sweep, ablation, states };
  const { tops } = found.tables;
  useTold({ group: ablation ? groupName(ablation) : "" });
  return (
    <Remark.Provider value={tops.length > 1 ? "Counted in top-1 accuracy." : ""}>
      {choices.top !== 1 && <p class="note">Map and classes below count top-1.</p>}
      <div class="layers-examples">
        <div>
          <MapPanel {...shown} candidates={candidates} onChoose={chooseGroup} />
        </div>
        <div>
          <Effects {...shown} />
        </div>
      </div>
    </Remark.Provider>
  );
}

function chooseGroup({ more }: Ablation): void {
  set({ group: String(more.anchor), draw: null });
}

/** "5" by its anchor, "random 3" by its draw. */
function groupName({ design, more }: Ablation): string {
  return design === "random_groups" ? `random ${more.draw}` : String(more.anchor);
}
