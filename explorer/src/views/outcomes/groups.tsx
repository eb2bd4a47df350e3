// The mean change of each group of examples: of the classes, or of quarters of a number.
import { useMemo } from "preact/hooks";
import { type Mean, meanOf } from "../../model/changes";
import { byClass, byValue, type ExampleGroup } from "../../model/grouping";
import { Chart, useSvg } from "../../shared/chart";
import { Choice } from "../../shared/choice";
import { Headings } from "../../shared/headings";
import { changeText, count } from "../../shared/numbers";
import { Panel } from "../../shared/panel";
import { palette } from "../../state/theme";
import { useChoice } from "../../state/usekey";
import { meansPlot } from "./meansplot";
import type { ToldChange } from "./toldchange";

export interface GroupMean extends Mean {
  readonly name: string;
}

const HELP =
  "The mean change over the examples of each group, with its 95 % interval (Student's t); a group of " +
  "one example has none. Numbers are grouped by their values where these are few, else in quarters.";
const MOST = 40; // groups that are shown; the CSV has all

export function Groups({ told }: { readonly told: ToldChange }) {
  const ways = useMemo(() => waysOf(told), [told.report, told.examples, told.cards]);
  const values = ways.map(([key, title]) => [key, title] as const);
  const wanted = useChoice({ of: "groups", values });
  const groups = ways.find(([key]) => key === wanted)?.[2]() ?? [];
  const means = useMemo(
    () => groups.map(({ name, members }) => ({ name, ...meanOf(told.changes, members) })),
    [told, wanted],
  );
  if (values.length === 0) return null;
  return (
    <Shown told={told} means={means} by={values.find(([key]) => key === wanted)?.[1] ?? ""}>
      <Choice of="groups" label="Group by" values={values} />
    </Shown>
  );
}

interface ShownProps {
  readonly told: ToldChange;
  readonly means: readonly GroupMean[];
  readonly by: string;
  readonly children: preact.ComponentChildren;
}

function Shown({ told, means, by, children }: ShownProps) {
  const svg = useSvg("change-groups");
  const colours = palette.value;
  const shown = means.length > MOST ? largest(means) : means;
  const { entries, measure } = told;
  const options = useMemo(
    () => (width: number) => meansPlot(shown, entries, measure.name, width, colours),
    [means, entries, measure, colours],
  );
  const says = said(means, by);
  return (
    <Panel
      name="change-groups"
      title={`Mean change by ${by}`}
      says={says}
      help={HELP}
      csv={() =>
        means.map(({ name, n, value, low, high }) => ({
          [by]: name,
          examples: n,
          change: value,
          low,
          high,
        }))
      }
      picture={svg.picture}
    >
      <div class="choices">{children}</div>
      <Chart label={says} options={options} drawn={svg.keep} />
      {means.length > MOST && (
        <p class="note">
          The {MOST} groups that change most, of {count(means.length)}; the CSV has all.
        </p>
      )}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a place that scrolls must be reached by keyboard */}
      <section class="scroll outcomes-groups" tabIndex={0} aria-label={`Mean change by ${by}`}>
        <table>
          <Headings names={[by, "mean change", "examples"]} />
          <tbody>
            {shown.map((mean) => (
              <tr key={mean.name} data-group={mean.name}>
                <th scope="row">{mean.name}</th>
                <td class="number" data-value="change" data-exact={mean.value} data-low={mean.low}>
                  {changeText(mean.value, mean)}
                </td>
                <td class="number">{count(mean.n)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </Panel>
  );
}

type Way = readonly [key: string, title: string, groups: () => ExampleGroup[]];

/** How the examples can be grouped: by class, by what they should give, by their own numbers. */
function waysOf({ report, examples, cards }: ToldChange): Way[] {
  const { label, target } = examples;
  const ways: Way[] = [
    ...(report.classes.length > 0
      ? [["class", "class", () => byClass(label, report.classes)] as Way]
      : []),
    ...(target ? [["target", "target", () => byValue(target)] as Way] : []),
    ...cards.columns.map(([name, values], i): Way => [`column-${i}`, name, () => byValue(values)]),
  ];
  return ways.filter(([key, , groups]) => key === "class" || groups().length > 1);
}

function largest(means: readonly GroupMean[]): GroupMean[] {
  const kept = new Set(
    [...means].sort((a, b) => Math.abs(b.value) - Math.abs(a.value)).slice(0, MOST),
  );
  return means.filter((mean) => kept.has(mean));
}

function said(means: readonly GroupMean[], by: string): string {
  const sorted = [...means].sort((a, b) => b.value - a.value);
  const [most, least] = [sorted[0], sorted.at(-1)];
  if (most === undefined || least === undefined) return "There are no groups.";
  return (
    `By ${by}, the mean change is largest for ${most.name}, ${changeText(most.value, most)}, and ` +
    `smallest for ${least.name}, ${changeText(least.value, least)}.`
  );
}
