// Single classes: what each loses on average, layer by layer.
import { useMemo } from "preact/hooks";
import { methodName } from "../../model/names";
import { meansOf, type Tables } from "../../model/tables";
import type { Row } from "../../page/blocks";
import type { Report } from "../../page/report";
import { Chart } from "../../shared/chart";
import { withUnit } from "../../shared/numbers";
import { Numbers } from "../../shared/numberstable";
import { Panel } from "../../shared/panel";
import { usePicture } from "../../shared/picture";
import { percent } from "../../shared/words";
import { set } from "../../state/fragment";
import { palette } from "../../state/theme";
import { useKey } from "../../state/usekey";
import { type ClassCurve, classCurves, classesIn, mostAndLeast, toggled } from "./classes";
import { classesPlot } from "./classplot";
import type { CurveProps } from "./curve";

const MOST_LINES = 7; // colours that can be told apart
const MOST_BUTTONS = 20;

const HELP =
  "Each line is a class: the mean over the layer's groups of the drop in its own accuracy, with its " +
  "95 % interval over the class's images. The black line is all images together. At first, " +
  "the classes that lose most and least over all layers are shown; buttons add and remove " +
  `classes, ${MOST_LINES} at most: beyond that the first one goes.`;

export function ByClass({ report, tables, choices }: CurveProps & { readonly report: Report }) {
  const { method, proportion, top } = choices;
  const curves = useMemo(
    () => classCurves(tables, { method, proportion, top }),
    [tables, method, proportion, top],
  );
  const given = useKey("classes");
  const shown = useMemo(
    () => classesIn(given, report.classes.length, mostAndLeast(curves)).slice(-MOST_LINES),
    [curves, given],
  );
  const lines = useMemo(
    () =>
      curves
        .filter(({ index }) => shown.includes(index))
        .map((curve) => ({ ...curve, name: report.classes[curve.index] ?? String(curve.index) })),
    [curves, shown],
  );
  const options = useMemo(() => {
    const all = meansOf(tables, { method, proportion, top }).of("drop_pp");
    const open = choices.site === null ? -1 : tables.sites.indexOf(choices.site);
    return (width: number) => classesPlot({ tables, lines, all, open }, width, palette.peek());
  }, [tables, lines, choices.site]);
  const { drawn, picture } = usePicture("layer-classes");
  const says =
    `Drop in top-${top} accuracy of ${lines.length} of ${report.classes.length} classes by layer, ` +
    `${percent(proportion)} of a layer ablated, ${methodName(method)}. ${extremes(curves, report)}`;
  const rows = () => rowsOf(tables, curves, report);
  return (
    <Panel
      name="layer-classes"
      title="Single classes by layer"
      says={says}
      help={HELP}
      csv={rows}
      picture={picture}
    >
      <Pickers report={report} shown={shown} />
      <Chart label={says} options={options} drawn={drawn} />
      <Numbers
        label="Mean drop of each class shown, by layer"
        rows={() => rowsOf(tables, lines, report)}
      />
    </Panel>
  );
}

/** Buttons for the classes; if there are many, only for those shown, and a list of the others. */
function Pickers({
  report,
  shown,
}: {
  readonly report: Report;
  readonly shown: readonly number[];
}) {
  const { classes } = report;
  const all = classes.map((name, index) => ({ name, index }));
  const buttons =
    all.length <= MOST_BUTTONS ? all : all.filter(({ index }) => shown.includes(index));
  const toggle = (index: number) => set({ classes: toggled(shown, index, MOST_LINES).join(",") });
  return (
    <div class="choices layers-classes">
      {buttons.map(({ name, index }) => (
        <button
          key={index}
          type="button"
          data-class-index={index}
          aria-pressed={shown.includes(index)}
          onClick={() => toggle(index)}
        >
          {name}
        </button>
      ))}
      {buttons.length < all.length && (
        <label class="choice">
          <span>Add a class</span>
          <select value="" onChange={(event) => toggle(Number(event.currentTarget.value))}>
            <option value="" disabled>
              choose …
            </option>
            {all
              .filter(({ index }) => !shown.includes(index))
              .map(({ name, index }) => (
                <option key={index} value={index}>
                  {name}
                </option>
              ))}
          </select>
        </label>
      )}
    </div>
  );
}

function extremes(curves: readonly ClassCurve[], { classes }: Report): string {
  const [most, least] = mostAndLeast(curves, 1, 1).map((index) =>
    curves.find((c) => c.index === index),
  );
  if (!most || !least) return "";
  const named = ({ index, mean }: ClassCurve) => `${classes[index]} (${withUnit(mean)})`;
  return `Over all layers ${named(most)} loses most, ${named(least)} least.`;
}

function rowsOf(tables: Tables, curves: readonly ClassCurve[], { classes }: Report): Row[] {
  return curves.flatMap(({ index, drop, low, high }) =>
    tables.sites.map(({ site, label }, at) => ({
      class: classes[index] ?? null,
      class_index: index,
      site,
      layer: label,
      drop_pp: drop[at] ?? null,
      drop_low_pp: low[at] ?? null,
      drop_high_pp: high[at] ?? null,
    })),
  );
}
