// One chart of the same numbers as its neighbour: they share their rows.

import type * as Plot from "@observablehq/plot";
import { useMemo } from "preact/hooks";
import type { Row } from "../../page/blocks";
import { Chart } from "../../shared/chart";
import { Numbers } from "../../shared/numberstable";
import { Panel } from "../../shared/panel";
import { usePicture } from "../../shared/picture";
import { type Palette, palette } from "../../state/theme";

export interface PartProps<T> {
  readonly name: string;
  readonly title: string;
  readonly says: string;
  readonly help: string;
  /** All that the table and the CSV hold. */
  readonly found: readonly T[];
  /** Of these, what the chart shows. */
  readonly shown: readonly T[];
  readonly rowOf: (each: T) => Row;
  readonly columns: readonly (readonly [name: string, heading: string])[];
  readonly plot: (shown: readonly T[], width: number, colours: Palette) => Plot.PlotOptions;
}

export function Part<T>(props: PartProps<T>) {
  const { name, title, says, help, found, shown, rowOf, columns, plot } = props;
  const options = useMemo(() => (width: number) => plot(shown, width, palette.peek()), [shown]);
  const { drawn, picture } = usePicture(name);
  const rows = () => found.map(rowOf);
  return (
    <Panel name={name} title={title} says={says} help={help} csv={rows} picture={picture}>
      <Chart label={says} options={options} drawn={drawn} />
      <Numbers label={title} rows={rows} columns={columns} />
    </Panel>
  );
}
