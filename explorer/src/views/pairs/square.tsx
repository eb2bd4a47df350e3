// The map of excess: a cell per pair, below the diagonal, so that each pair stands there once.
import { useMemo, useRef, useState } from "preact/hooks";
import { useWidth } from "../../shared/chart";
import { around, diverging } from "../../shared/colours";
import { palette, theme } from "../../state/theme";
import { SquareCell } from "./cell";
import { KEY, Key } from "./key";
import { keyOf, limit, moved, type Pair, placeOf, strongest } from "./pairs";

export interface SquareProps {
  readonly pairs: readonly Pair[];
  /** Units in the order of rows and columns. */
  readonly order: readonly number[];
  /** Key of the chosen pair. */
  readonly chosen: string;
  readonly numberOf: (unit: number) => string;
  readonly nameOf: (pair: Pair) => string;
  readonly onChoose: (pair: Pair) => void;
  readonly drawn: (chart: SVGSVGElement) => void;
}

const MARGIN = 34; // for the numbers left and below
const SMALLEST = 24; // a cell that a finger can hit
const LARGEST = 40;
const ASIDE = 28; // what pairs.css puts beside the cells: padding, and room for the faded edge

export function Square(props: SquareProps) {
  const { pairs, order, chosen, numberOf, nameOf, onChoose, drawn } = props;
  const place = useRef<HTMLDivElement>(null);
  const [stop, setStop] = useState("");
  const n = order.length;
  const fit = Math.floor((useWidth(place) - ASIDE - MARGIN - 2) / Math.max(n - 1, 1));
  const side = Math.min(Math.max(fit, SMALLEST), LARGEST);
  const end = useMemo(() => limit(pairs), [pairs]);
  const places = useMemo(
    () => new Map(pairs.map((pair) => [placeKey(placeOf(pair, order)), pair])),
    [pairs, order],
  );
  const ring = useMemo(() => strongest(pairs, "more", 1).map(keyOf)[0], [pairs]);
  const reached = [stop, chosen, ring].find((key) => pairs.some((pair) => keyOf(pair) === key));
  const ramp = diverging(theme.value);
  const size = MARGIN + side * (n - 1) + 2;
  const keyX = MARGIN + (Math.ceil(KEY.height / side) + 1) * side; // right of the cells
  const [wide, high] = [Math.max(size, keyX + KEY.width), Math.max(size, KEY.height)];

  const onKeyDown = (event: KeyboardEvent) => {
    const pair = pairs.find((each) => keyOf(each) === reached);
    const next = pair && moved(event.key, placeOf(pair, order), n);
    const found = next && places.get(placeKey(next));
    if (!found) return;
    event.preventDefault();
    const chart = event.currentTarget as Element;
    chart.querySelector<SVGElement>(`[data-pair="${keyOf(found)}"]`)?.focus();
  };

  return (
    <div class="pairs-square" ref={place}>
      <svg
        ref={(chart) => {
          if (chart) drawn(chart);
        }}
        width={wide}
        height={high}
        viewBox={`0 0 ${wide} ${high}`}
        role="toolbar"
        aria-label="Excess over the sum, a cell per pair"
        font-size="12"
        font-family="system-ui, sans-serif"
        onKeyDown={onKeyDown}
      >
        {pairs.map((pair) => {
          const { row, column } = placeOf(pair, order);
          const key = keyOf(pair);
          return (
            <SquareCell
              key={key}
              pair={pair}
              x={MARGIN + column * side}
              y={(row - 1) * side + 1}
              side={side}
              t={around(pair.excessPp, end)}
              ramp={ramp}
              name={nameOf(pair)}
              pressed={key === chosen}
              ringed={key === ring}
              stop={key === reached}
              onChoose={onChoose}
              onFocus={setStop}
            />
          );
        })}
        <g fill={palette.value.soft} text-anchor="middle">
          {order.slice(1).map((unit, i) => (
            <text key={unit} x={MARGIN - 13} y={(i + 0.5) * side + 5}>
              {numberOf(unit)}
            </text>
          ))}
          {order.slice(0, -1).map((unit, i) => (
            <text key={unit} x={MARGIN + (i + 0.5) * side} y={size - MARGIN + 16}>
              {numberOf(unit)}
            </text>
          ))}
        </g>
        <Key x={keyX} end={end} ramp={ramp} />
      </svg>
    </div>
  );
}

function placeKey({ row, column }: { readonly row: number; readonly column: number }): string {
  return `${row},${column}`;
}
