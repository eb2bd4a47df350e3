// The bars' numbers as a table, whose names choose the ablation.
import { ablationName } from "../../model/names";
import type { Ablation } from "../../model/sweep";
import { Headings } from "../../shared/headings";
import { count, fixed, withInterval } from "../../shared/numbers";
import { inPercent, type Need } from "./needs";
import type { Told } from "./rows";

export interface NeedTableProps {
  readonly told: Told;
  readonly needs: readonly Need[];
  readonly onChoose: (ablation: Ablation) => void;
}

const HEADINGS = ["ablated", "lost", "of", "share, %", "of all examples, %"];

export function NeedTable({ told, needs, onChoose }: NeedTableProps) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a place that scrolls must be reached by keyboard
    <section class="scroll" tabIndex={0} aria-label="What the selected examples need">
      <table>
        <Headings names={HEADINGS} />
        <tbody>
          {needs.map(({ ablation, lost, measured, share, interval, overall }) => (
            <tr key={ablation.row} data-need={ablation.units.join(",")}>
              <td>
                <button
                  type="button"
                  aria-pressed={ablation.row === told.ablation?.row}
                  onClick={() => onChoose(ablation)}
                >
                  {ablationName(told.report, ablation)}
                </button>
              </td>
              <td class="number">{count(lost)}</td>
              <td class="number">{count(measured)}</td>
              <td class="number">{withInterval(100 * share, inPercent(interval), "")}</td>
              <td class="number">{fixed(100 * overall)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
