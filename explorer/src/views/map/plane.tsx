// The map itself: the examples, what lies over them, and the card of one of them.
import { useLayoutEffect, useMemo, useRef } from "preact/hooks";
import type { ExampleCards } from "../../model/cards";
import { useWidth } from "../../shared/chart";
import { palette } from "../../state/theme";
import { Buttons } from "./buttons";
import { Card } from "./card";
import { onScreen, type Point, type Size, sizeFor, zoomOf } from "./geometry";
import { type Action, actionOf, KEYS } from "./keyboard";
import type { Polygon } from "./lasso";
import type { Name } from "./names";
import type { Over } from "./overlay";
import type { Scene } from "./paint";
import type { Facts } from "./rows";
import type { Shot } from "./snapshot";
import { useDrawing } from "./usedrawing";
import { useLasso } from "./uselasso";
import { usePointed } from "./usepointed";
import { useZoom } from "./usezoom";

export interface PlaneProps {
  readonly scene: Scene;
  readonly names: readonly Name[];
  readonly label: string;
  /** The examples that N and P step through. */
  readonly steps: readonly number[];
  readonly facts: (example: number) => Facts;
  /** What the examples themselves are; left out: their pictures alone are shown. */
  readonly cards?: ExampleCards | undefined;
  readonly lasso: Polygon | null;
  readonly lassoing: boolean;
  /** Called with null if what was drawn is not a polygon. */
  readonly onLasso: (polygon: Polygon | null) => void;
  /** Where what is needed for a picture of it is put. */
  readonly shot: { current: (() => Shot) | null };
}

const PAN = 60; // pixels that an arrow key moves the map

export function Plane({ scene, names, facts, lasso, lassoing, ...props }: PlaneProps) {
  const home = useRef<HTMLDivElement>(null);
  const surface = useRef<HTMLDivElement>(null);
  const width = useWidth(home);
  const size = useMemo(() => sizeFor(width, innerHeight), [width]);
  const colours = palette.value;
  const { side, pictures } = scene;
  const { pointed, ...pointing } = usePointed(scene, size, props.steps);
  const moved = () => {
    pointing.close();
    drawScene();
    drawOver();
  };
  const { view, ...zoom } = useZoom(surface, { size, side, taken: lassoing, moved });
  const line = useLasso({
    on: lassoing,
    view,
    grown: () => drawOver(),
    drawn: props.onLasso,
  });
  const place = (example: number): Point => [scene.x[example]!, scene.y[example]!];
  const over = (): Over => ({
    names,
    lasso: line.drawing() ?? lasso,
    ring: pointed && place(pointed.example),
    side,
    palette: colours,
  });
  const { below, above, drawScene, drawOver } = useDrawing({ scene, size, view, over });
  useLayoutEffect(drawOver, [names, lasso, lassoing, pointed, size, side, colours]);
  props.shot.current = () => {
    const { k } = zoomOf(view.current, size, side);
    return { scene, over: over(), look: { view: view.current, size, k } };
  };
  const act = ({ pan, scale, whole, step, close }: Action) => {
    if (pan) zoom.pan(pan[0] * PAN, pan[1] * PAN);
    if (scale) zoom.scale(scale);
    if (whole) zoom.whole();
    if (step) pointing.step(view.current, step);
    if (close) pointing.close();
  };
  const find = ({ offsetX, offsetY }: MouseEvent) => pointing.at(view.current, offsetX, offsetY);

  return (
    <div class="map-plane" ref={home}>
      <div class="map-stage" style={{ height: `${size.height}px` }}>
        <div
          ref={surface}
          class={`map-surface ${lassoing ? "map-lassoing" : ""}`}
          role="application"
          aria-roledescription="map"
          aria-label={props.label}
          aria-describedby="map-keys"
          // biome-ignore lint/a11y/noNoninteractiveTabindex: keys move the map and step through it
          tabIndex={0}
          onKeyDown={(event) => {
            const action = actionOf(event);
            if (action === null) return;
            event.preventDefault();
            act(action);
          }}
          {...line.handlers}
          onPointerMove={(event) => {
            if (!line.moved(event) && isHovering(event)) find(event);
          }}
          onPointerLeave={pointing.close}
          // a mouse has found it by hovering
          onClick={(event) => isByMouse(event) || find(event)}
        >
          <canvas ref={below} style={sides(size)} />
          <canvas ref={above} style={sides(size)} />
        </div>
        <Buttons act={act} />
        {pointed && (
          <Card
            facts={facts(pointed.example)}
            pictures={pictures}
            cards={props.cards}
            at={onScreen(view.current, ...place(pointed.example))}
            gap={Math.max((side * view.current.scale) / 2, 4) + 12}
            size={size}
          />
        )}
      </div>
      <p class="unseen" id="map-keys">
        {KEYS}
      </p>
      <p class="unseen" role="status">
        {pointed?.spoken && facts(pointed.example).spoken}
      </p>
    </div>
  );
}

function isByMouse(event: MouseEvent): boolean {
  return "pointerType" in event && event.pointerType === "mouse";
}

function isHovering({ pointerType, buttons }: PointerEvent): boolean {
  return pointerType === "mouse" && buttons === 0;
}

function sides({ width, height }: Size) {
  return { width: `${width}px`, height: `${height}px` };
}
