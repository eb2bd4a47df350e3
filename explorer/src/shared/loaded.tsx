// What is read from the page when a view first needs it.
import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";

/** What was found, and what it was found for. */
type Found<T> = { readonly of: string } & ({ readonly value: T } | { readonly error: unknown });

/**
 * Shows `children` with what `load` gives. Loads once for each `of`.
 *
 ** Until the next value is there the last one stays, faint, so that nothing jumps and the focus is
 * kept; `children` gets the `of` that its value is of.
 */
export function Loaded<T>({
  of,
  load,
  children,
}: {
  readonly of: string;
  readonly load: () => Promise<T>;
  readonly children: (value: T, of: string) => ComponentChildren;
}) {
  const [found, setFound] = useState<Found<T> | null>(null);
  useEffect(() => {
    let wanted = true;
    load().then(
      (value) => wanted && setFound({ of, value }),
      (error) => wanted && setFound({ of, error }),
    );
    return () => {
      wanted = false;
    };
  }, [of]);
  if (found === null) return <p class="note reading">Reading …</p>;
  if ("error" in found)
    return <p class="note">This part could not be read: {String(found.error)}</p>;
  const old = found.of !== of;
  return (
    <div class={old ? "reading" : undefined} aria-busy={old}>
      {children(found.value, found.of)}
    </div>
  );
}
