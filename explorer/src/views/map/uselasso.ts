// Drawing a lasso: with the button pressed, or with Shift held down. Escape gives it up.
import { useEffect, useRef } from "preact/hooks";
import { onMap, type Point, type View } from "./geometry";
import type { Polygon } from "./lasso";

interface Asked {
  readonly on: boolean;
  readonly view: { readonly current: View };
  /** Called as the line grows, and when it is gone. */
  readonly grown: () => void;
  /** Called with the polygon; null where it was a mere click, or given up. */
  readonly drawn: (polygon: Polygon | null) => void;
}

const STEP = 4; // pixels between two corners
const LEAST = 12; // pixels that a polygon is wide or high, at least

export function useLasso({ on, view, grown, drawn }: Asked) {
  const path = useRef<Point[] | null>(null); // on the screen
  const at = ({ offsetX, offsetY }: PointerEvent): Point => [offsetX, offsetY];
  const end = (keep: boolean) => {
    const line = path.current;
    if (line === null) return;
    path.current = null;
    grown();
    drawn(keep && spread(line) >= LEAST ? polygonOf(line, view.current) : null);
  };
  const giveUp = useRef(() => {});
  giveUp.current = () => (path.current ? end(false) : on && drawn(null));
  useEffect(() => {
    // after a click on the button the focus is there, not on the map
    const listen = ({ key }: KeyboardEvent) => key === "Escape" && giveUp.current();
    document.addEventListener("keydown", listen);
    return () => document.removeEventListener("keydown", listen);
  }, []);
  return {
    /** What is drawn so far; null while nothing is. */
    drawing: (): Polygon | null => path.current && polygonOf(path.current, view.current),
    handlers: {
      onPointerDown: (event: PointerEvent & { currentTarget: HTMLElement }) => {
        if (!(on || event.shiftKey) || event.button !== 0) return;
        event.preventDefault();
        event.currentTarget.setPointerCapture(event.pointerId);
        path.current = [at(event)];
      },
      onPointerUp: () => end(true),
      onPointerCancel: () => end(false),
    },
    /** Whether the move belongs to the lasso. */
    moved: (event: PointerEvent): boolean => {
      const line = path.current;
      if (line === null) return false;
      const [x, y] = at(event);
      const [lastX, lastY] = line.at(-1)!;
      if (Math.hypot(x - lastX, y - lastY) >= STEP) {
        line.push([x, y]);
        grown();
      }
      return true;
    },
  };
}

function polygonOf(line: readonly Point[], view: View): Polygon {
  return line.map(([left, top]) => onMap(view, left, top));
}

function spread(line: readonly Point[]): number {
  const of = (axis: 0 | 1) => {
    const values = line.map((point) => point[axis]);
    return Math.max(...values) - Math.min(...values);
  };
  return Math.max(of(0), of(1));
}
