// A score against the drop, a point per unit (figure 9).
import { scoreTitle } from "../../model/scores";
import type { Report } from "../../page/report";
import { Chart, useSvg } from "../../shared/chart";
import { DataTable } from "../../shared/datatable";
import { withInterval } from "../../shared/numbers";
import { Panel } from "../../shared/panel";
import { linkTo, set } from "../../state/fragment";
import { palette } from "../../state/theme";
import type { Correlation } from "./coefficients";
import { inWords, type Point, pointsOf, rowOf, scoreText, titleOf } from "./points";
import { hit, scatterplot } from "./scatterplot";
import type { ScoredUnit } from "./units";

const HELP =
  "Each point is a unit: to the right its score, upwards the drop that its ablation costs, with " +
  "the 95 % interval. Crosses are dead units, which fire on less than 0.5 % of the examples. A " +
  "click on a point, or on its number below, chooses the unit for the other views too. " +
  "Coefficients have 95 % bootstrap intervals over the units and a two-sided p. The p of " +
  "Mann-Whitney is two-sided as well, and its axis logarithmic; the paper's figures show the " +
  "one-sided p, half as large, on a linear axis.";

export interface ScatterProps {
  readonly report: Report;
  readonly units: readonly ScoredUnit[];
  readonly score: string;
  readonly correlation: Correlation | undefined;
  /** The units that the address names. */
  readonly marked: readonly number[];
}

export function Scatter({ report, units, score, correlation, marked }: ScatterProps) {
  const { keep, picture } = useSvg(`drop-by-${score}`);
  const colours = palette.value;
  const points = pointsOf(report, units, score, marked);
  const says = inWords(score, points.length, correlation);
  return (
    <Panel
      name="score-and-drop"
      title="Score and drop, unit by unit"
      announced
      says={says}
      help={HELP}
      csv={() => points.map((point) => rowOf(point, score))}
      picture={picture}
    >
      <Chart
        label={says}
        options={(width) => scatterplot(points, score, width, colours)}
        drawn={(chart) => {
          keep(chart);
          chart.addEventListener("click", (click) => choose(hit(chart, points, click)));
        }}
      />
      <Numbers points={points} />
      <Chosen points={points.filter((point) => point.marked)} score={score} />
      <details class="help">
        <summary>The numbers as a table</summary>
        <UnitTable points={points} score={score} />
      </details>
    </Panel>
  );
}

/** A second click undoes the choice. */
function choose(point: Point | undefined): void {
  if (point) set({ units: point.marked ? null : String(point.unit) });
}

/** The units as buttons: the keyboard's way to the points. */
function Numbers({ points }: { readonly points: readonly Point[] }) {
  return (
    <fieldset class="scores-units">
      <legend>Units</legend>
      {points.map((point) => (
        <button
          key={point.unit}
          type="button"
          data-unit={point.unit}
          aria-pressed={point.marked}
          title={titleOf(point)}
          onClick={() => choose(point)}
        >
          {point.name}
        </button>
      ))}
    </fieldset>
  );
}

function Chosen({ points, score }: { readonly points: readonly Point[]; readonly score: string }) {
  if (points.length === 0) return <p class="note">Click a point, or a number, to choose a unit.</p>;
  const told = points.map((each) => `${titleOf(each)}, ${scoreTitle(score)} ${scoreText(each.x)}.`);
  return (
    <p class="note">
      {told.join(" ")} <a href={linkTo({ view: "explore" })}>Open in Explore</a>
    </p>
  );
}

function UnitTable({
  points,
  score,
}: {
  readonly points: readonly Point[];
  readonly score: string;
}) {
  return (
    <DataTable
      label="Score and drop of each unit"
      rows={points.map((point) => ({
        unit: point.name,
        score: scoreText(point.x),
        drop: withInterval(point.dropPp, point.interval),
        dead: point.dead ? "dead" : "",
      }))}
      columns={[
        ["unit", "unit"],
        ["score", scoreTitle(score)],
        ["drop", "drop"],
        ["dead", ""],
      ]}
    />
  );
}
