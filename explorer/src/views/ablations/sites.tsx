// All sites side by side: the mean over the ablations of each, and how far these reach.
import { useMemo } from "preact/hooks";
import { siteName } from "../../model/names";
import type { Listing } from "../../model/outcomes";
import type { Measure } from "../../page/report";
import { Chart } from "../../shared/chart";
import { valueText } from "../../shared/numbers";
import { Numbers } from "../../shared/numberstable";
import { Panel } from "../../shared/panel";
import { usePicture, valueAt } from "../../shared/picture";
import { several } from "../../shared/words";
import { set } from "../../state/fragment";
import { palette } from "../../state/theme";
import { type Reach, reachesOf, sitesPlot } from "./sitesplot";

const HELP =
  "Each site's mean over its ablations as a dot, with the 95 % interval of that mean over the " +
  "examples; the pale line runs from its cheapest ablation to its costliest. A click lists the " +
  "ablations of the site.";

export interface SitesProps {
  readonly listing: Listing;
  readonly measure: Measure;
}

export function Sites({ listing, measure }: SitesProps) {
  const reaches = useMemo(() => reachesOf(listing, measure), [listing, measure]);
  const options = useMemo(
    () => (width: number) => sitesPlot(reaches, measure, width, palette.peek()),
    [reaches, measure],
  );
  const { drawn, picture } = usePicture("sites", ({ chart, x }) => {
    const at = Math.round(valueAt(chart, "x", x) ?? -1);
    const reach = reaches[at];
    if (reach) set({ view: "ablations", by: "site", open: String(at), find: null, order: "site" });
  });
  const says = said(reaches, measure);
  const rows = () => reaches.map(({ at: _, says: __, ...row }) => row);
  return (
    <Panel name="sites" title="By site" says={says} help={HELP} csv={rows} picture={picture}>
      <Chart label={says} options={options} drawn={drawn} />
      <Numbers label="Mean of every site" rows={rows} />
    </Panel>
  );
}

function said(reaches: readonly Reach[], { unit, name }: Measure): string {
  const size = ({ mean }: Reach) => (Number.isNaN(mean) ? Number.NEGATIVE_INFINITY : mean);
  const sorted = [...reaches].sort((a, b) => size(b) - size(a));
  const [most, least] = [sorted[0], sorted.at(-1)];
  if (most === undefined || least === undefined) return "There are no sites.";
  const text = (reach: Reach) => valueText(reach.mean, reach, unit);
  const what = unit === "pp" ? "mean drop" : `mean change of ${name}`;
  return (
    `Of ${several(reaches.length, "site")} the ${what} is largest for ${siteName(most.site)}, ${text(most)}, ` +
    `and smallest for ${siteName(least.site)}, ${text(least)}.`
  );
}
