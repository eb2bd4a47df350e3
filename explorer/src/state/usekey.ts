// Keys of the address: a component that reads them this way is drawn again only when they change.
import { computed } from "@preact/signals";
import { useMemo } from "preact/hooks";
import { allowed, type Options } from "./chosen";
import { get } from "./fragment";

export function useKey(key: string): string {
  return useMemo(() => computed(() => get(key)), [key]).value;
}

/** What is chosen: the address' value if it is allowed, else the default. */
export function useChoice(options: Options): string {
  return allowed(options, useKey(options.of));
}
