// A unit's button: its weights, number and drop; or only its number, on the colour of the drop.
import type { UnitInfo } from "../../model/units";
import { sequential } from "../../shared/colours";
import { fixed } from "../../shared/numbers";
import { theme } from "../../state/theme";
import { described } from "./order";
import { WeightImage } from "./weightimage";

export interface TileProps {
  readonly info: UnitInfo;
  readonly pressed: boolean;
  /** Whether Tab stops here. */
  readonly stop: boolean;
  /** Of the weights' colours. */
  readonly limit: number;
  /** Of the drops' colours, in pp. */
  readonly most: number;
  /** What is dead, if it is not what the tile is called. */
  readonly own: string;
  readonly onChoose: (unit: number) => void;
}

export function Tile(props: TileProps) {
  const { info, pressed, stop, most, own } = props;
  const ramp = sequential(theme.value);
  const t = info.dropPp / most;
  const plain = info.image === null;
  return (
    <button
      type="button"
      class={`unit ${plain ? "unit-plain" : ""} ${info.dead ? "unit-dead" : ""}`}
      data-unit={info.unit}
      aria-pressed={pressed}
      aria-label={label(info, own)}
      title={described(info, own)}
      tabIndex={stop ? 0 : -1}
      style={plain && !info.dead ? { background: ramp.css(t), color: ramp.ink(t) } : {}}
      onClick={() => props.onChoose(info.unit)}
    >
      {plain ? numberOf(info) : <Picture {...props} t={t} colour={ramp.css(Math.max(t, 0.12))} />}
    </button>
  );
}

function Picture({
  info,
  limit,
  t,
  colour,
}: TileProps & { readonly t: number; readonly colour: string }) {
  return (
    <>
      <span class="unit-number">{numberOf(info)}</span>
      <span class="unit-frame">
        {info.image && <WeightImage image={info.image} limit={limit} />}
        {info.dead && <span class="unit-mark">dead</span>}
      </span>
      <span class="unit-bar">
        <span style={{ width: `${100 * Math.min(Math.max(t, 0), 1)}%`, background: colour }} />
      </span>
      <span class="unit-drop">{fixed(info.dropPp)}</span>
    </>
  );
}

export function numberOf({ unit, number }: UnitInfo): string {
  return number ?? String(unit);
}

function label({ name, dropPp, dead }: UnitInfo, own: string): string {
  return `${name}, drop ${fixed(dropPp)} pp${dead ? `, ${own ? `${own} ` : ""}dead` : ""}`;
}
