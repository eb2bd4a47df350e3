// The numbers behind the bars; a class' name is the button that chooses it.
import { shareInterval } from "../../model/interval";
import { count, withInterval } from "../../shared/numbers";
import type { Group } from "./groups";

export interface GroupTableProps {
  readonly groups: readonly Group[];
  /** Index of the chosen class. */
  readonly chosen: number | null;
  readonly ablated: boolean;
  readonly pair: boolean;
  readonly onChoose: (index: number | null) => void;
}

export function GroupTable({ groups, chosen, ablated, pair, onChoose }: GroupTableProps) {
  const counted = columnsOf(ablated, pair);
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a place that scrolls must be reached by keyboard
    <section class="scroll effects-table" tabIndex={0} aria-label="Effects by class, as a table">
      <table>
        <thead>
          <tr>
            <th scope="col">class</th>
            <th scope="col">{ablated ? "drop, pp" : "accuracy, %"}</th>
            {counted.map(({ name, heading }) => (
              <th key={name} scope="col" class={`effects-${name}`}>
                {heading}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {groups.map((group) => (
            <tr key={group.index ?? "all"} data-class={group.name} class={classOf(group, chosen)}>
              <th scope="row">
                <Name group={group} chosen={chosen} onChoose={onChoose} />
              </th>
              {ablated ? <Drop group={group} /> : <Accuracy group={group} />}
              {counted.map(({ name, of }) => (
                <td key={name} class="number" data-count={name}>
                  {count(of(group))}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function classOf({ index }: Group, chosen: number | null): string {
  if (index === null) return "effects-all";
  return index === chosen ? "effects-chosen" : "";
}

interface Counted {
  readonly name: string;
  readonly heading: string;
  readonly of: (group: Group) => number;
}

function columnsOf(ablated: boolean, pair: boolean): Counted[] {
  const total = { name: "total", heading: "examples", of: (group: Group) => group.total };
  const right = { name: "intact", of: (group: Group) => group.intact };
  if (!ablated) {
    const wrong = { name: "wrong", heading: "wrong", of: (g: Group) => g.total - g.intact };
    return [{ ...right, heading: "right" }, wrong, total];
  }
  const only = { name: "only_pair", heading: "only by the pair", of: (g: Group) => g.onlyPair };
  return [
    { name: "lost", heading: "lost", of: (group) => group.lost },
    { name: "gained", heading: "gained", of: (group) => group.gained },
    ...(pair ? [only] : []),
    { ...right, heading: "right, intact" },
    total,
  ];
}

interface NameProps {
  readonly group: Group;
  readonly chosen: number | null;
  readonly onChoose: (index: number | null) => void;
}

function Name({ group: { name, index }, chosen, onChoose }: NameProps) {
  if (index === null) return <>{name}</>;
  return (
    <button type="button" aria-pressed={index === chosen} onClick={() => onChoose(index)}>
      {name}
    </button>
  );
}

function Drop({ group: { dropPp, interval } }: { readonly group: Group }) {
  return (
    <td class="number" data-value="drop_pp" data-exact={dropPp}>
      {withInterval(dropPp, interval, "")}
    </td>
  );
}

function Accuracy({ group: { intact, total } }: { readonly group: Group }) {
  const { low, high } = shareInterval(intact, total);
  const value = (100 * intact) / Math.max(total, 1);
  return (
    <td class="number" data-value="accuracy" data-exact={value}>
      {withInterval(value, { low: 100 * low, high: 100 * high }, "")}
    </td>
  );
}
