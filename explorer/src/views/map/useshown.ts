// What the map shows: which states and classes, and which examples are selected.
import { useMemo } from "preact/hooks";
import { counts } from "../../model/sweep";
import { count } from "../../shared/numbers";
import { classIn } from "../../state/chosen";
import { palette } from "../../state/theme";
import { useKey } from "../../state/usekey";
import { type Polygon, readLasso } from "./lasso";
import type { MapProps } from "./map";
import { type Name, namesOf } from "./names";
import type { Told } from "./rows";
import { entriesOf } from "./scene";
import { marked, ofClass, selected } from "./selection";
import { notLost, sentence } from "./words";

export interface Shown {
  readonly told: Told;
  /** (example,) 1 where selected; null: nothing is. */
  readonly some: Uint8Array | null;
  /** (example,) 1 for those that stand out: the selected ones, or the class; null: all. */
  readonly strong: Uint8Array | null;
  /** Of the class, or of all: how many examples are in each state. */
  readonly counted: readonly number[];
  /** "1,010 examples of class 3". */
  readonly of: string;
  readonly says: string;
  /** What its numbers leave open; may be empty. */
  readonly note: string;
  readonly names: readonly Name[];
  readonly lasso: Polygon | null;
}

export function useShown({ report, examples, sweep, ablation, states }: MapProps): Shown {
  const colours = palette.value;
  const { classes } = report;
  const entries = useMemo(() => entriesOf(ablation, states, colours), [ablation, states, colours]);
  const of = classIn(useKey("class"), classes.length);
  const [lasso, select] = [useKey("lasso"), useKey("select")];
  const some = useMemo(
    () => selected(examples, states, entries, { of, lasso, select }),
    [examples, states, entries, of, lasso, select],
  );
  const own = useMemo(() => ofClass(examples, of), [examples, of]);
  const all = useMemo(() => namesOf(examples, classes), [examples, classes]);
  const names = useMemo(() => all.filter((name) => of === null || name.of === of), [all, of]);
  const counted = useMemo(() => counts(states, own ? marked(own) : undefined), [states, own]);
  const polygon = useMemo(() => readLasso(lasso), [lasso]);
  const total = counted.reduce((sum, each) => sum + each, 0);
  const shown = `${count(total)} examples${of === null ? "" : ` of class ${classes[of]}`}`;
  const told = { report, examples, sweep, ablation, states, entries };
  return {
    told,
    some,
    strong: some?.includes(1) ? some : own, // with nothing selected all would be faint
    counted,
    of: shown,
    says: sentence(told, counted, shown),
    note: notLost(told, own),
    names,
    lasso: polygon,
  };
}
