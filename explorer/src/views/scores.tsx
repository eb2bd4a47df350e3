// Which scores tell, without an ablation, what an ablation costs?
import { type Row, table } from "../page/blocks";
import type { Report } from "../page/report";
import { Choice } from "../shared/choice";
import { Loaded } from "../shared/loaded";
import { useTold } from "../shared/subject";
import { unitsIn } from "../state/chosen";
import { useChoice, useKey } from "../state/usekey";
import { type Correlation, correlations, ofNetwork, ofPopulation } from "./scores/coefficients";
import { Compared } from "./scores/compared";
import { Population } from "./scores/population";
import { Scatter } from "./scores/scatter";
import "./scores/scores.css";
import { scoreTitle } from "../model/scores";
import { EvaluationChoice, useEvaluation } from "../shared/evaluation";
import { Selectivity } from "./scores/selectivity";
import { scoredUnits } from "./scores/units";

interface Found {
  readonly scores: readonly Row[];
  readonly effects: readonly Row[];
  readonly all: readonly Correlation[];
  readonly selectivity: readonly Row[];
}

export function Scores({ report }: { readonly report: Report }) {
  return (
    <Loaded of="scores" load={load}>
      {(found) => <Panels report={report} found={found} />}
    </Loaded>
  );
}

async function load(): Promise<Found> {
  const names = ["scores", "effects", "correlations", "selectivity"];
  const tables = await Promise.all(names.map(table));
  const [scores = [], effects = [], related = [], selectivity = []] = tables.map((t) => t.rows());
  return { scores, effects, all: correlations(related), selectivity };
}

function Panels({ report, found }: { readonly report: Report; readonly found: Found }) {
  const evaluation = useEvaluation(report);
  const ofMain = ofNetwork(found.all, evaluation);
  const choices = ofMain.map(({ score }) => [score, scoreTitle(score)] as const);
  const score = useChoice({ of: "score", values: choices });
  const marked = unitsIn(useKey("units"));
  useTold({ evaluation });
  const members = ofPopulation(found.all, score);
  return (
    <>
      <div class="choices">
        <Choice of="score" label="Score" values={choices} />
        <EvaluationChoice report={report} />
      </div>
      <div class="scores-panels">
        <Scatter
          report={report}
          units={scoredUnits(found.scores, found.effects, evaluation)}
          score={score}
          correlation={ofMain.find((each) => each.score === score)}
          marked={marked}
        />
        <Compared all={found.all} evaluation={evaluation} score={score} />
        {members.length > 0 && <Population all={found.all} members={members} score={score} />}
        {found.selectivity.length > 0 && (
          <Selectivity rows={found.selectivity} classes={report.classes} />
        )}
      </div>
    </>
  );
}
