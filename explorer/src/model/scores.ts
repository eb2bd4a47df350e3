// Scores of units: importance without a functional test. What they are called, how they are read.
import type { Cell } from "../page/blocks";

/** A unit that fires on a smaller share of the test examples is dead, as in the claims. */
const DEAD = 0.005;

export const DEAD_WORDS = "fires on less than 0.5 % of the test examples";

const TITLES: Readonly<Record<string, string>> = {
  mann_whitney_p: "Mann-Whitney p of the weight change",
  mann_whitney_p_adjusted: "adjusted p of the weight change",
  ks_distance: "Kolmogorov-Smirnov distance of the weight change",
  l2_change: "L2 norm of the weight change",
  weight_l1: "L1 norm of the weights",
  weight_l2: "L2 norm of the weights",
  mean_activation: "mean activation",
  firing_share: "share of examples it fires on",
  constant: "constant left behind",
};

/** A score in words. */
export function scoreTitle(score: string): string {
  return TITLES[score] ?? score.replaceAll("_", " ");
}

/** p-values span many powers of ten: they need a logarithmic axis. */
export function isP(score: string): boolean {
  return /(^|_)p(_adjusted)?$/.test(score);
}

export function isDead(firingShare: Cell | undefined): boolean {
  return typeof firingShare === "number" && firingShare < DEAD;
}
