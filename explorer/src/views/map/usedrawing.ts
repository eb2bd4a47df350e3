// The two canvases of the map: the examples below; names, lasso and ring above.
import { useLayoutEffect, useRef } from "preact/hooks";
import { type Size, type View, zoomOf } from "./geometry";
import { type Over, paintOver } from "./overlay";
import { paint, type Scene } from "./paint";
import { useFrame } from "./useframe";

interface Drawn {
  readonly scene: Scene;
  readonly size: Size;
  readonly view: { readonly current: View };
  readonly over: () => Over;
}

/** Draws anew when the scene or the size change; all else asks for it. */
export function useDrawing({ scene, size, view, over }: Drawn) {
  const below = useRef<HTMLCanvasElement>(null);
  const above = useRef<HTMLCanvasElement>(null);
  const drawScene = useFrame(() => {
    if (below.current === null || size.width === 0) return;
    paint(fitted(below.current, size), scene, view.current, devicePixelRatio);
    performance.mark("lashley-map-drawn");
  });
  const drawOver = useFrame(() => {
    if (above.current === null || size.width === 0) return;
    const canvas = fitted(above.current, size);
    const context = canvas.getContext("2d")!;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, canvas.width, canvas.height);
    const { k } = zoomOf(view.current, size, scene.side);
    paintOver(context, over(), { view: view.current, size, k }, devicePixelRatio);
  });
  useLayoutEffect(drawScene, [scene, size]);
  return { below, above, drawScene, drawOver };
}

/** The canvas with as many pixels as the screen has in its place. */
function fitted(canvas: HTMLCanvasElement, size: Size): HTMLCanvasElement {
  const width = Math.round(size.width * devicePixelRatio);
  const height = Math.round(size.height * devicePixelRatio);
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  return canvas;
}
