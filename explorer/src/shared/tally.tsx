// How many claims hold, in numbers and as a bar.
import { VERDICT_NAMES, VERDICTS, type Verdict } from "./verdicts";
import "./tally.css";

export function Tally({ counts }: { readonly counts: Readonly<Record<Verdict, number>> }) {
  return (
    <div class="claims-tally" aria-hidden="true">
      {VERDICTS.filter((verdict) => counts[verdict] > 0).map((verdict) => (
        <span key={verdict} class={verdict} style={{ flexGrow: counts[verdict] }}>
          {counts[verdict]} {VERDICT_NAMES[verdict]}
        </span>
      ))}
    </div>
  );
}

/** "29 of 47 claims hold, 18 do not." */
export function tallyText({ yes, no, undecided }: Readonly<Record<Verdict, number>>): string {
  const open = undecided > 0 ? `, ${undecided} ${undecided === 1 ? "is" : "are"} undecided` : "";
  return `${yes} of ${yes + no + undecided} claims hold, ${no} do not${open}.`;
}
