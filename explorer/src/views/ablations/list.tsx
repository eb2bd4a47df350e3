// The list of ablations: only the lines in view are made, so that ten thousand scroll smoothly.
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { movedTo, scrolledTo, windowOf } from "../../model/listing";
import type { Listing } from "../../model/outcomes";
import type { Measure } from "../../page/report";
import { useWidth } from "../../shared/chart";
import { set } from "../../state/fragment";
import type { List } from "./asked";
import { Heading } from "./heading";
import "./ablations.css";
import { AblationLine, SiteLine } from "./lines";

export interface AblationListProps {
  readonly listing: Listing;
  readonly measure: Measure;
  readonly list: List;
  /** Id of the ablation that is shown. */
  readonly chosen: number;
  /** Pixels that the lines take, at most. */
  readonly most: number;
}

const NARROW = 640; // px; below, an ablation takes two lines of text
const HEAD = 32; // px, of the headings
const PX = { wide: 34, narrow: 58 };

export function AblationList({ listing, measure, list, chosen, most }: AblationListProps) {
  const home = useRef<HTMLDivElement>(null);
  const narrow = useWidth(home) < NARROW;
  const px = narrow ? PX.narrow : PX.wide;
  const { lines, asked } = list;
  const head = narrow ? 0 : HEAD;
  const height = Math.min(most, Math.max(lines.length, 1) * px);
  const { top, now, moveTo, ...scroller } = useLines({ list, chosen, height, px });
  const { first, last } = windowOf(top, height, px, lines.length);
  const stop = Math.min(Math.max(now, first), last - 1);
  const end = useMemo(() => endOf(listing, measure), [listing, measure]);
  const { methods, designs } = listing.several;
  const wide = `${methods ? "m" : ""}${designs ? "d" : ""}`;
  return (
    <div
      class={`list ${measure.unit === "pp" ? "" : "list-numbers"} ${narrow ? "list-narrow" : `list-wide list-${wide}`}`}
      ref={home}
    >
      <div
        ref={scroller.place}
        class="list-lines"
        style={{ height: `${height + head}px` }}
        onScroll={scroller.onScroll}
      >
        <table
          aria-rowcount={lines.length + 1}
          aria-label="Ablations"
          onKeyDown={(event) => {
            const to = movedTo(event.key, stop, lines.length, Math.floor(height / px));
            if (to === null || !isLine(event.target)) return;
            event.preventDefault();
            moveTo(to);
          }}
        >
          {!narrow && <Heading listing={listing} measure={measure} order={asked.order} />}
          <tbody class="list-body" style={{ height: `${lines.length * px}px` }}>
            {lines.slice(first, last).map((line, i) => {
              const at = first + i;
              const place = {
                at,
                style: { transform: `translateY(${at * px}px)`, height: `${px}px` },
                stop: at === stop,
              };
              return line.kind === "site" ? (
                <SiteLine key={`s${line.place}`} {...place} {...{ line, measure, asked, end }} />
              ) : (
                <AblationLine
                  key={line.id}
                  {...place}
                  {...{ listing, measure, narrow, end }}
                  id={line.id}
                  chosen={line.id === chosen}
                  inside={asked.bySite}
                />
              );
            })}
          </tbody>
        </table>
      </div>
      {lines.length === 0 && (
        <p class="note">
          No ablation is found.{" "}
          <button type="button" onClick={() => set({ find: null })}>
            Show all
          </button>
        </p>
      )}
    </div>
  );
}

/** Where bars end: at the largest size of a measured number. */
function endOf({ listed, measured }: Listing, measure: Measure): number {
  let end = 0;
  for (const { id } of listed) end = Math.max(end, Math.abs(measured(id, measure).value) || 0);
  return end || 1;
}

function isLine(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.dataset.line !== undefined;
}

interface LinesAsked {
  readonly list: List;
  readonly chosen: number;
  readonly height: number;
  readonly px: number;
}

/** Where the list stands, and which line Tab reaches. */
function useLines({ list: { lines, asked }, chosen, height, px }: LinesAsked) {
  const place = useRef<HTMLDivElement>(null);
  const [top, setTop] = useState(0);
  const [now, setNow] = useState(0);
  const focus = useRef(false);
  const scrollTo = (to: number) => {
    if (place.current) place.current.scrollTop = to;
    setTop(to);
  };
  const chosenAt = lines.findIndex((line) => line.kind === "ablation" && line.id === chosen);
  useEffect(() => {
    if (chosenAt < 0) return;
    setNow(chosenAt);
    scrollTo(scrolledTo(chosenAt, place.current?.scrollTop ?? 0, height, px));
  }, [chosen, px]);
  const known = useRef("");
  useEffect(() => {
    const key = JSON.stringify([asked.find, asked.order, asked.bySite]);
    if (known.current !== "" && known.current !== key) {
      setNow(0);
      scrollTo(0);
    }
    known.current = key;
  }, [asked]);
  useLayoutEffect(() => {
    if (!focus.current) return;
    focus.current = false;
    place.current
      ?.querySelector<HTMLElement>(`[data-line="${now}"]`)
      ?.focus({ preventScroll: true });
  });
  return {
    place,
    top,
    now,
    onScroll: () => setTop(place.current?.scrollTop ?? 0),
    moveTo: (to: number) => {
      focus.current = true;
      setNow(to);
      scrollTo(scrolledTo(to, place.current?.scrollTop ?? 0, height, px));
    },
  };
}
