// The terms under which the libraries in the page may be passed on.
import { useState } from "preact/hooks";
import { has, json } from "../../page/blocks";
import { Loaded } from "../../shared/loaded";

/** Folded away, and read when it is opened. */
export function Licences() {
  const [open, setOpen] = useState(false);
  if (!has("licences")) return null;
  return (
    <details class="help" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>Licences of the libraries in this page</summary>
      {open && (
        <Loaded of="licences" load={() => json<{ readonly text: string }>("licences")}>
          {({ text }) => <pre class="licences">{text}</pre>}
        </Loaded>
      )}
    </details>
  );
}
