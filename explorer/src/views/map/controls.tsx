// Above the map: which class, which examples are selected, and the lasso.
import { useRef } from "preact/hooks";
import { Choice } from "../../shared/choice";
import { set } from "../../state/fragment";
import { useKey } from "../../state/usekey";
import { type Entry, wordOf } from "./scene";
import { isStale } from "./selection";

export interface ControlsProps {
  readonly classes: readonly string[];
  readonly entries: readonly Entry[];
  /** Whether a lasso can be drawn now; null where there is no map. */
  readonly lassoing: boolean | null;
  readonly onLassoing: (on: boolean) => void;
  /** Whether examples are selected. */
  readonly selecting: boolean;
}

export function Controls({ classes, entries, lassoing, onLassoing, selecting }: ControlsProps) {
  const select = useKey("select");
  const stale = isStale(select, entries) ? [[select, `${wordOf(select)} (none now)`] as const] : [];
  const within = useKey("lasso") === "" ? "none" : "those in the lasso";
  const home = useRef<HTMLDivElement>(null);
  const clear = () => {
    home.current?.querySelector<HTMLElement>('[data-key="select"]')?.focus(); // the button goes
    set({ lasso: null, select: null });
  };
  const all = useKey("class") === "" ? "all examples" : "all of the class";
  return (
    <div class="choices" ref={home}>
      <Choice
        of="class"
        label="Class"
        values={[["", "all classes"], ...classes.map((name, i) => [String(i), name] as const)]}
      />
      <Choice
        of="select"
        label="Select these"
        values={[
          ["", within],
          ["all", all],
          ...entries.map(({ key, word }) => [key, word] as const),
          ...stale,
        ]}
      />
      {lassoing !== null && (
        <button type="button" aria-pressed={lassoing} onClick={() => onLassoing(!lassoing)}>
          Lasso
        </button>
      )}
      {selecting && (
        <button type="button" onClick={clear}>
          Clear selection
        </button>
      )}
    </div>
  );
}
