// The frame around every view: heading, what it says in words, and downloads.
import { type ComponentChildren, createContext } from "preact";
import { useContext } from "preact/hooks";
import type { Row } from "../page/blocks";
import type { Caption } from "./caption";
import { saveCsv } from "./download";
import { subjectWords } from "./subject";

/** A sentence that every panel inside adds to what it says. */
export const Remark = createContext("");

export interface PanelProps {
  /** Unique on the page; names the downloads too. */
  readonly name: string;
  readonly title: string;
  /** What the reader sees, in a sentence. */
  readonly says: string;
  /** Whether that is read aloud when it changes: for one panel in a view, so a click says little. */
  readonly announced?: boolean;
  /** How to read it and use it; folded away. */
  readonly help?: string;
  readonly csv?: () => readonly Row[];
  /** Saves the picture; `kind` is what the button says, SVG or PNG. */
  readonly picture?: { readonly kind: "SVG" | "PNG"; readonly save: (caption: Caption) => void };
  readonly children: ComponentChildren;
}

export function Panel({
  name,
  title,
  help,
  csv,
  picture,
  announced,
  children,
  ...props
}: PanelProps) {
  const remark = useContext(Remark);
  const says = [props.says, remark].filter(Boolean).join(" ");
  const savePicture = () => picture?.save({ panel: name, title, says, of: subjectWords(name) });
  return (
    <section class="panel" id={name} aria-labelledby={`${name}-title`}>
      <header class="panel-head">
        <h2 id={`${name}-title`}>{title}</h2>
        <div class="downloads">
          {csv && (
            <button type="button" onClick={() => saveCsv(csv(), name)} title="The numbers as CSV">
              CSV<span class="unseen"> of {title}</span>
            </button>
          )}
          {picture && (
            <button type="button" onClick={savePicture} title={`The picture as ${picture.kind}`}>
              {picture.kind}
              <span class="unseen"> of {title}</span>
            </button>
          )}
        </div>
      </header>
      <p class="says" role={announced ? "status" : undefined}>
        {says}
      </p>
      {children}
      {help && (
        <details class="help">
          <summary>How to read and use it</summary>
          <p>{help}</p>
        </details>
      )}
    </section>
  );
}
