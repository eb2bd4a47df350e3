// What the address asks for and the page lacks: one line says what is shown instead.
import { signal } from "@preact/signals";
import { useLayoutEffect } from "preact/hooks";

interface Miss {
  readonly text: string;
}

const misses = signal<readonly Miss[]>([]);

/** Says so while `shown` names what stands in for what was asked; null: it is there. */
export function useMiss(key: string, asked: string, shown: string | null): void {
  const text = shown === null || asked === "" ? "" : missText(key, asked, shown);
  useLayoutEffect(() => {
    if (text === "") return;
    const miss = { text };
    misses.value = [...misses.peek(), miss];
    return () => {
      misses.value = misses.peek().filter((each) => each !== miss);
    };
  }, [text]);
}

export function missText(key: string, asked: string, shown: string): string {
  return `The address asks for ${key} “${asked}”, which is not here; shown is ${shown}.`;
}

export function Misses() {
  const texts = [...new Set(misses.value.map(({ text }) => text))];
  return (
    <div role="status">
      {texts.map((text) => (
        <p key={text} class="note miss">
          {text}
        </p>
      ))}
    </div>
  );
}
