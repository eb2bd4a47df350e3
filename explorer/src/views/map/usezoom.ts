// Pan and zoom of the map by d3-zoom; where one looks is kept in the address.
import { select } from "d3-selection";
import { zoom as d3zoom, type ZoomBehavior, zoomIdentity, zoomTransform } from "d3-zoom";
import { useLayoutEffect, useRef } from "preact/hooks";
import { set } from "../../state/fragment";
import { useKey } from "../../state/usekey";
import {
  nearest,
  readZoom,
  type Size,
  type View,
  viewOf,
  WHOLE,
  writeZoom,
  zoomOf,
} from "./geometry";

type Surface = HTMLDivElement;

export interface Zooming {
  readonly view: { readonly current: View };
  pan(right: number, down: number): void;
  scale(by: number): void;
  whole(): void;
}

interface Asked {
  readonly size: Size;
  /** Of an image, as a share of the map. */
  readonly side: number;
  /** Whether dragging means something else now. */
  readonly taken: boolean;
  /** Called when the view has moved. */
  readonly moved: () => void;
}

export function useZoom(place: { readonly current: Surface | null }, asked: Asked): Zooming {
  const { size, side, taken } = asked;
  const live = useRef(asked);
  live.current = asked;
  const view = useRef(viewOf(WHOLE, size, side));
  const behaviour = useRef<ZoomBehavior<Surface, unknown> | null>(null);
  const known = useRef("none yet");
  const address = useKey("zoom");

  useLayoutEffect(() => {
    const surface = place.current;
    if (surface === null) return;
    let moving = false;
    const write = () => {
      moving = false;
      const text = writeZoom(zoomOf(view.current, live.current.size, live.current.side));
      known.current = keyOf(live.current, text ?? "");
      surface.style.touchAction = touchAction(live.current, view.current);
      set({ zoom: text }, true);
    };
    const zoom = d3zoom<Surface, unknown>()
      .filter((event) => mayZoom(event, live.current.taken, isWhole(view.current, live.current)))
      .on("zoom", ({ transform }) => {
        const whole = viewOf(WHOLE, live.current.size, live.current.side);
        moving = true;
        view.current = {
          scale: whole.scale * transform.k,
          left: whole.left * transform.k + transform.x,
          top: whole.top * transform.k + transform.y,
        };
        live.current.moved();
      })
      .on("end", write);
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) zoom.duration(0);
    select(surface).call(zoom);
    behaviour.current = zoom;
    // asking for the place where it is ends a transition
    const stop = () => select(surface).call(zoom.transform, zoomTransform(surface));
    // what is pressed may lead to another address: before it does, the zoom is written to this one
    const settle = () => {
      if (!moving) return;
      stop();
      write();
    };
    document.addEventListener("pointerdown", settle, true);
    return () => {
      zoom.on("zoom end", null); // the address is another view's by now
      document.removeEventListener("pointerdown", settle, true);
      stop();
      select(surface).on(".zoom", null);
    };
  }, [place]);

  useLayoutEffect(() => {
    const [surface, zoom] = [place.current, behaviour.current];
    if (surface === null || zoom === null || size.width === 0) return;
    if (known.current === keyOf(asked, address)) return;
    const extent: [[number, number], [number, number]] = [
      [0, 0],
      [size.width, size.height],
    ];
    const most = nearest(size, side);
    zoom.extent(extent).translateExtent(extent).scaleExtent([1, most]);
    const whole = viewOf(WHOLE, size, side);
    const wanted = viewOf(readZoom(address, most) ?? WHOLE, size, side);
    const k = wanted.scale / whole.scale;
    const moved = zoomIdentity
      .translate(wanted.left - k * whole.left, wanted.top - k * whole.top)
      .scale(k);
    select(surface).call(zoom.transform, zoom.constrain()(moved, extent, extent));
  });

  useLayoutEffect(() => {
    if (place.current) place.current.style.touchAction = touchAction(asked, view.current);
  }, [taken, size.width]);

  const change = (act: (zoom: ZoomBehavior<Surface, unknown>, surface: Surface) => void) => {
    if (behaviour.current && place.current) act(behaviour.current, place.current);
  };
  return {
    view,
    pan: (right, down) =>
      change((zoom, surface) => {
        const { k } = zoomOf(view.current, live.current.size, live.current.side);
        select(surface).call(zoom.translateBy, -right / k, -down / k);
      }),
    scale: (by) => change((zoom, surface) => select(surface).call(zoom.scaleBy, by)),
    whole: () => change((zoom, surface) => select(surface).call(zoom.transform, zoomIdentity)),
  };
}

/** One finger scrolls the page past the whole map; once one has come nearer, it moves the map. */
function mayZoom(event: MouseEvent | TouchEvent, taken: boolean, whole: boolean): boolean {
  if (event.type === "wheel") return true;
  if (taken || event.shiftKey || event.ctrlKey) return false;
  if ("touches" in event) return event.touches.length > 1 || !whole;
  return event.button === 0;
}

function touchAction(asked: Asked, view: View): string {
  return asked.taken || !isWhole(view, asked) ? "none" : "pan-x pan-y";
}

function isWhole(view: View, { size, side }: Asked): boolean {
  return writeZoom(zoomOf(view, size, side)) === null;
}

function keyOf({ size, side }: Asked, text: string): string {
  return `${size.width} ${size.height} ${side} ${text}`;
}
