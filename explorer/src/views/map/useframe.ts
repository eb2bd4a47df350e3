// At most one drawing in a frame, of what is true by then.
import { useCallback, useEffect, useRef } from "preact/hooks";

/** A function that asks for a drawing in the next frame. */
export function useFrame(draw: () => void): () => void {
  const latest = useRef(draw);
  latest.current = draw;
  const asked = useRef(0);
  useEffect(() => () => cancelAnimationFrame(asked.current), []);
  return useCallback(() => {
    if (asked.current !== 0) return;
    asked.current = requestAnimationFrame(() => {
      asked.current = 0;
      latest.current();
    });
  }, []);
}
