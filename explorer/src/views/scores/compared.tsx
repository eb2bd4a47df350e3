// All scores side by side: how well does each rank the units by their drop?
import * as Plot from "@observablehq/plot";
import { scoreTitle } from "../../model/scores";
import type { Row } from "../../page/blocks";
import { Chart, useSvg } from "../../shared/chart";
import { DataTable } from "../../shared/datatable";
import { capital, fixed } from "../../shared/numbers";
import { Panel } from "../../shared/panel";
import { type Palette, palette } from "../../state/theme";
import { type Correlation, coefficientText, ofNetwork, POOLED } from "./coefficients";

const HELP =
  "Spearman's coefficient of each score with the drop, with its 95 % bootstrap interval: 1 or −1 " +
  "means that the score ranks the units exactly as their ablation does, 0 that it tells nothing. " +
  "The dot is the network under study, the square the units of all further networks together, " +
  "where whole networks are resampled.";

export interface ComparedProps {
  readonly all: readonly Correlation[];
  readonly evaluation: string;
  /** The one that the other panels show. */
  readonly score: string;
}

/** One coefficient, ready to draw. */
interface Shown {
  readonly title: string;
  readonly whose: string;
  readonly value: number;
  readonly low: number;
  readonly high: number;
  readonly text: string;
}

const OWN = "this network";
const FURTHER = "further networks, pooled";

export function Compared({ all, evaluation, score }: ComparedProps) {
  const { keep, picture } = useSvg("scores-compared");
  const colours = palette.value;
  const own = sorted(ofNetwork(all, evaluation)).map((each) => shown(each, OWN));
  const pooled = all.filter(({ over }) => over === POOLED).map((each) => shown(each, FURTHER));
  const says = inWords(own);
  return (
    <Panel
      name="scores-compared"
      title="All scores compared"
      says={says}
      help={HELP}
      csv={() => rows(all, evaluation)}
      picture={picture}
    >
      <p class="scores-key">
        <span>● {OWN}, in blue the score chosen above</span>
        {pooled.length > 0 && <span>□ {FURTHER}</span>}
      </p>
      <Chart
        label={says}
        options={(width) => plot(own, pooled, scoreTitle(score), width, colours)}
        drawn={keep}
      />
      <details class="help">
        <summary>The numbers as a table</summary>
        <DataTable
          label="Spearman's coefficient of each score"
          rows={[...own, ...pooled].map(({ title, whose, text }) => ({ title, whose, text }))}
          columns={[
            ["title", "score"],
            ["whose", "over"],
            ["text", "Spearman"],
          ]}
        />
      </details>
    </Panel>
  );
}

/** The strongest first; what is not defined last. */
function sorted(found: readonly Correlation[]): Correlation[] {
  const strength = ({ spearman }: Correlation) => Math.abs(spearman.value) || 0;
  return [...found].sort((a, b) => strength(b) - strength(a));
}

function shown({ score, spearman }: Correlation, whose: string): Shown {
  return { ...spearman, title: scoreTitle(score), whose, text: coefficientText(spearman) };
}

function inWords([best]: readonly Shown[]): string {
  if (!best || !Number.isFinite(best.value)) return "No score agrees with the drop.";
  const { title, value, low, high } = best;
  return `${capital(title)} ranks the units best: Spearman ${fixed(value)} [${fixed(low)}, ${fixed(high)}] with the drop.`;
}

function rows(all: readonly Correlation[], evaluation: string): Row[] {
  const wanted = [`main, ${evaluation}`, POOLED];
  return all
    .filter(({ over }) => wanted.includes(over))
    .map(({ over, score, spearman: { value, low, high, p }, n }) => ({
      over,
      score,
      spearman: value,
      spearman_low: low,
      spearman_high: high,
      spearman_p: p,
      n,
    }));
}

function plot(
  own: readonly Shown[],
  pooled: readonly Shown[],
  now: string,
  width: number,
  colours: Palette,
): Plot.PlotOptions {
  const titles = own.map(({ title }) => title);
  const narrow = width < 480;
  const { ink, soft, series } = colours;
  const ours = { x: "value", y: "title", dy: -4 } as const;
  const theirs = { x: "value", y: "title", dy: 6 } as const;
  return {
    height: 66 + 40 * titles.length,
    marginLeft: narrow ? 118 : 190,
    marginBottom: 42,
    marginRight: 12,
    x: {
      domain: [-1, 1],
      label: "Spearman with the drop",
      labelOffset: 36,
      grid: true,
      ticks: narrow ? 5 : 9,
    },
    y: { domain: titles, label: null, axis: null },
    marks: [
      Plot.axisY({
        label: null,
        tickSize: 0,
        lineWidth: narrow ? 9 : 15,
        fill: ink,
      }),
      Plot.ruleX([0], { stroke: soft }),
      Plot.ruleY(pooled, { x1: "low", x2: "high", y: "title", dy: 6, stroke: soft }),
      Plot.dot(pooled, { ...theirs, symbol: "square", r: 3.5, stroke: soft, fill: colours.paper }),
      Plot.ruleY(own, { x1: "low", x2: "high", y: "title", dy: -4, stroke: ink, strokeWidth: 2 }),
      Plot.dot(own, {
        ...ours,
        r: 5,
        fill: ({ title }: Shown) => (title === now ? (series[0] ?? ink) : ink),
        title: ({ title, whose, text }: Shown) => `${title}, ${whose}: ${text}`,
      }),
    ],
  };
}
