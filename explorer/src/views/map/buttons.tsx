// The map's own buttons: nearer, farther, whole.
import type { Action } from "./keyboard";

export function Buttons({ act }: { readonly act: (action: Action) => void }) {
  return (
    <div class="map-buttons">
      <button type="button" aria-label="nearer" onClick={() => act({ scale: 1.5 })}>
        +
      </button>
      <button type="button" aria-label="farther" onClick={() => act({ scale: 1 / 1.5 })}>
        −
      </button>
      <button type="button" onClick={() => act({ whole: true })}>
        whole map
      </button>
    </div>
  );
}
