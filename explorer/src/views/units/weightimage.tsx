// A unit's incoming weights as a small picture, blue below 0 and red above.
import { useLayoutEffect, useRef } from "preact/hooks";
import type { Image } from "../../model/units";
import { around, diverging, type Ramp } from "../../shared/colours";
import { theme } from "../../state/theme";

export function WeightImage({ image, limit }: { readonly image: Image; readonly limit: number }) {
  const place = useRef<HTMLCanvasElement>(null);
  const ramp = diverging(theme.value);
  useLayoutEffect(() => {
    place.current?.getContext("2d")?.putImageData(painted(image, limit, ramp), 0, 0);
  }, [image, limit, ramp]);
  return <canvas ref={place} class="unit-image" width={image.width} height={image.height} />;
}

export function painted({ values, width, height }: Image, limit: number, ramp: Ramp): ImageData {
  const pixels = new ImageData(width, height);
  for (let i = 0; i < values.length; i++) {
    const t = Math.min(Math.max(around(values[i] ?? 0, limit), 0), 1);
    const k = 3 * Math.round(255 * t);
    pixels.data.set(ramp.bytes.subarray(k, k + 3), 4 * i);
    pixels.data[4 * i + 3] = 255;
  }
  return pixels;
}
