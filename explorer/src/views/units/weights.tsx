// The chosen units' incoming weights, large: before training and after it.
import type { Image, UnitInfo } from "../../model/units";
import { diverging } from "../../shared/colours";
import { capital, pText } from "../../shared/numbers";
import { Panel } from "../../shared/panel";
import { theme } from "../../state/theme";
import { Scale } from "./legend";
import { type Patch, saveMosaic, TILES } from "./mosaic";
import { WeightImage } from "./weightimage";

export interface WeightsProps {
  readonly units: readonly UnitInfo[];
  /** By unit, before training. */
  readonly initial: readonly Image[];
  readonly chosen: readonly number[];
  /** Of the colours; all units share them. */
  readonly limits: { readonly before: number; readonly after: number };
}

const TILES_OF_TWO = { ...TILES, columns: 2 };

export function Weights({ units, initial, chosen, limits }: WeightsProps) {
  const shown = units.filter(({ unit }) => chosen.includes(unit));
  const patches = (info: UnitInfo) => [
    patchOf(`${info.name}, before`, initial[info.unit], limits.before),
    patchOf(`${info.name}, after`, info.image, limits.after),
  ];
  return (
    <Panel
      name="weights"
      title="Weights before and after training"
      says={shown.map(changeOf).join(" ")}
      help="Incoming weights from each pixel, blue below 0 and red above. Training makes weights larger, so before and after have a scale each, shared by all units. The test asks whether the weights of a unit lie lower or higher after training than before (Mann-Whitney, two-sided)."
      csv={() => shown.flatMap((info) => rowsOf(info, initial[info.unit]))}
      picture={{
        kind: "PNG",
        save: (caption) => saveMosaic(caption, shown.flatMap(patches), TILES_OF_TWO),
      }}
    >
      {shown.map((info) => (
        <div class="unit-change" key={info.unit}>
          <Large title={`${info.name}, before`} image={initial[info.unit]} limit={limits.before} />
          <Large title={`${info.name}, after`} image={info.image} limit={limits.after} />
        </div>
      ))}
    </Panel>
  );
}

interface LargeProps {
  readonly title: string;
  readonly image: Image | null | undefined;
  readonly limit: number;
}

function Large({ title, image, limit }: LargeProps) {
  if (!image) return null;
  const end = limit.toPrecision(2);
  return (
    <figure class="unit-large" role="img" aria-label={`Incoming weights of ${title} training`}>
      <figcaption>{title} training</figcaption>
      <WeightImage image={image} limit={limit} />
      <Scale of="" low={`\u2212${end}`} high={end} ramp={diverging(theme.value)} />
    </figure>
  );
}

function patchOf(above: string, image: Image | null | undefined, limit: number): Patch {
  return {
    above,
    below: `±${limit.toPrecision(2)}`,
    image: image ?? null,
    limit,
    colour: "",
    ink: "",
  };
}

/** "Unit 12: p < 0.001 that its weights moved." */
function changeOf({ name, scores }: UnitInfo): string {
  const p = scores.mann_whitney_p;
  const head = capital(name);
  if (p === undefined) return `${head}: its weights before training and after it.`;
  return `${head}: training ${p < 0.05 ? "moved its weights" : "is not seen to move its weights"} up or down (${pText(p)}).`;
}

function rowsOf({ unit, image }: UnitInfo, before: Image | undefined) {
  if (!image) return [];
  return [...image.values].map((after, i) => ({
    unit,
    row: Math.floor(i / image.width),
    column: i % image.width,
    weight_before: before?.values[i] ?? null,
    weight_after: after,
  }));
}
