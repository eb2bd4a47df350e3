// The network, the map and the bars side by side, all for one ablation: of a unit, or of a pair.
import { useCallback, useMemo, useRef } from "preact/hooks";
import { ablationName } from "../model/names";
import { type Ablation, intactStates, type Sweep, statesOf } from "../model/sweep";
import type { Report } from "../page/report";
import { Loaded } from "../shared/loaded";
import { useTold } from "../shared/subject";
import { unitsIn } from "../state/chosen";
import { set } from "../state/fragment";
import { Effects } from "./effects/effects";
import "./explore.css";
import { loadStudy, type Study } from "../model/study";
import { EvaluationChoice, useEvaluation } from "../shared/evaluation";
import { useKey } from "../state/usekey";
import { MapPanel } from "./map/map";
import { chosenAfter } from "./units/order";
import { UnitRow } from "./units/row";
import { Weights } from "./units/weights";

export function Explore({ report }: { readonly report: Report }) {
  const evaluation = useEvaluation(report);
  return (
    <>
      <div class="choices">
        <EvaluationChoice report={report} />
      </div>
      <Loaded of={evaluation} load={() => loadStudy(report, evaluation)}>
        {(study) => <Bench report={report} study={study} />}
      </Loaded>
    </>
  );
}

interface BenchProps {
  readonly report: Report;
  readonly study: Study;
}

function Bench({ report, study }: BenchProps) {
  const { examples, sweep, units, initial, limits } = study;
  const asked = useKey("units");
  const ablation = useMemo(() => sweep.of(...unitsIn(asked)) ?? null, [sweep, asked]);
  const chosen = useMemo(() => ablation?.units ?? [], [ablation]);
  useTold({ evaluation: sweep.name, units: chosen.join(",") });
  const states = useMemo(
    () => (ablation ? statesOf(sweep, examples, ablation) : intactStates(sweep, examples)),
    [sweep, examples, ablation],
  );
  const candidates = useMemo(() => singlesOf(sweep), [sweep]);
  const choose = useCallback(
    (unit: number) =>
      setUnits(chosenAfter(chosen, unit, (pair) => sweep.of(...pair) !== undefined)),
    [chosen, sweep],
  );
  const chooseAblation = useCallback((wanted: Ablation) => setUnits(wanted.units), []);
  const shown = { report, examples, sweep, ablation, states };
  return (
    <>
      <Now report={report} ablation={ablation} asked={asked} />
      <UnitRow title="Units" units={units} chosen={chosen} onChoose={choose} />
      <div class="explore-bench">
        <div>
          <MapPanel {...shown} candidates={candidates} onChoose={chooseAblation} />
        </div>
        <div>
          <Effects {...shown} />
          {chosen.length > 0 && initial.length > 0 && (
            <Weights units={units} initial={initial} chosen={chosen} limits={limits} />
          )}
        </div>
      </div>
    </>
  );
}

interface NowProps {
  readonly report: Report;
  readonly ablation: Ablation | null;
  readonly asked: string;
}

/** What is ablated, in words. */
function Now({ report, ablation, asked }: NowProps) {
  const words = useRef<HTMLParagraphElement>(null);
  const clear = () => {
    words.current?.focus(); // the button goes
    setUnits([]);
  };
  return (
    <div class="explore-now">
      <p ref={words} tabIndex={-1} data-ablation={ablation?.units.join(",") ?? ""}>
        Ablated: <strong>{ablationName(report, ablation)}</strong>
        {asked !== "" &&
          ablation === null &&
          " (the run has no ablation of what the address names)"}
      </p>
      {asked !== "" && (
        <button type="button" onClick={clear}>
          Clear
        </button>
      )}
      {report.first_unit > 0 && (
        <p class="note">Units count from {report.first_unit}, as in the paper.</p>
      )}
    </div>
  );
}

function setUnits(units: readonly number[]): void {
  set({ units: units.length > 0 ? units.join(",") : null });
}

function singlesOf(sweep: Sweep): Ablation[] {
  return sweep.ablations.filter(({ design }) => design === "singles");
}
