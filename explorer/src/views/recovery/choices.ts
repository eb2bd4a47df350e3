// What there is to choose from in the recovery, and what the address chooses.
import { number } from "../../model/columns";
import type { Row } from "../../page/blocks";
import type { ChoiceProps } from "../../shared/choice";
import { allowed } from "../../state/chosen";
import type { Keys } from "../../state/fragment";
import type { Measure } from "./runs";

const MANY = 20; // classes; with fewer, top-5 leaves hardly any wrong

const EXPERIMENTS: Readonly<Record<string, string>> = {
  instances: "one ablation, several instances",
  iterated: "ablated again and again",
};

export type Key = "experiment" | "site" | "top" | "measure" | "from";

export interface Chosen {
  readonly experiment: string;
  readonly site: string;
  readonly top: number;
  readonly measure: Measure;
  /** The first epoch to be seen. */
  readonly from: number;
}

export function optionsOf(
  rows: readonly Row[],
  classes: number,
): Readonly<Record<Key, ChoiceProps>> {
  const ablated = rows.filter(({ start }) => start === "ablated");
  const order = [...rows].sort((a, b) => number(a.layer) - number(b.layer));
  const sites = new Map(order.map(({ site, label }) => [String(site), `layer ${label}`]));
  const tops = [...new Set(rows.map(({ top }) => number(top)))].sort((a, b) => a - b);
  const experiments = Object.entries(EXPERIMENTS).filter(([name]) =>
    ablated.some(({ experiment }) => experiment === name),
  );
  return {
    experiment: { of: "experiment", label: "Experiment", values: experiments },
    site: { of: "site", label: "Ablated", values: [...sites] },
    top: {
      of: "top",
      label: "Accuracy",
      values: tops.map((top) => [String(top), `top-${top}`]),
      otherwise: String(classes >= MANY ? tops.at(-1) : tops[0]),
    },
    measure: {
      of: "measure",
      label: "Shown as",
      values: [
        ["accuracy", "accuracy"],
        ["drop", "drop"],
      ],
    },
    from: {
      of: "from",
      label: "Epochs",
      values: [
        ["0", "from the ablation on"],
        ["1", "from 1 on, enlarged"],
      ],
    },
  };
}

export function chosenIn(options: Readonly<Record<Key, ChoiceProps>>, address: Keys): Chosen {
  const value = (key: Key) => allowed(options[key], address[key]);
  return {
    experiment: value("experiment"),
    site: value("site"),
    top: Number(value("top")),
    measure: value("measure") === "drop" ? "drop" : "accuracy",
    from: Number(value("from")),
  };
}
