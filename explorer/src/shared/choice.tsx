// A choice of one of a few, kept in the address.
import type { Options } from "../state/chosen";
import { set } from "../state/fragment";
import { useChoice, useKey } from "../state/usekey";
import { useMiss } from "./misses";

export interface ChoiceProps extends Options {
  readonly label: string;
}

/** Says so if the address asks for a value that is not there. */
export function useChoiceMiss(options: Options): void {
  const asked = useKey(options.of);
  const now = useChoice(options);
  const shown = options.values.find(([value]) => value === now)?.[1] ?? "nothing";
  useMiss(options.of, asked, asked === now ? null : shown);
}

export function Choice({ label, ...options }: ChoiceProps) {
  const { of, values } = options;
  const now = useChoice(options);
  useChoiceMiss(options);
  return (
    <label class="choice">
      <span>{label}</span>
      <select
        value={now}
        data-key={of}
        onChange={(event) => set({ [of]: event.currentTarget.value })}
      >
        {values.map(([value, title]) => (
          <option key={value} value={value}>
            {title}
          </option>
        ))}
      </select>
    </label>
  );
}
