// The page: a head with the views, and the view that the address names.
import type { ComponentType } from "preact";
import { useEffect } from "preact/hooks";
import { has } from "./page/blocks";
import type { Report } from "./page/report";
import { useEvaluation } from "./shared/evaluation";
import { Misses, useMiss } from "./shared/misses";
import { useTold } from "./shared/subject";
import { classIn } from "./state/chosen";
import { linkTo } from "./state/fragment";
import { switchTheme, theme } from "./state/theme";
import { useKey } from "./state/usekey";
import { Ablations } from "./views/ablations";
import { Claims } from "./views/claims";
import { Data } from "./views/data";
import { Explore } from "./views/explore";
import { Layers } from "./views/layers/layers";
import { Outcomes } from "./views/outcomes";
import { OutcomePairs } from "./views/outcomes/pairs";
import { Overview } from "./views/overview";
import { Pairs } from "./views/pairs";
import { Recovery } from "./views/recovery";
import { Scores } from "./views/scores";

interface View {
  readonly name: string;
  readonly title: string;
  readonly component: ComponentType<{ readonly report: Report }>;
  /** Whether the report has what it shows. */
  readonly there: (report: Report) => boolean;
}

const VIEWS: readonly View[] = [
  { name: "overview", title: "Overview", component: Overview, there: () => true },
  { name: "layers", title: "Layers", component: Layers, there: ({ kind }) => kind === "layers" },
  { name: "ablations", title: "Ablations", component: Ablations, there: isOfOutcomes },
  { name: "explore", title: "Explore", component: Outcomes, there: isOfOutcomes },
  { name: "explore", title: "Explore", component: Explore, there: ({ kind }) => kind === "mlp" },
  { name: "pairs", title: "Pairs", component: PairsOf, there: () => has("interactions") },
  { name: "recovery", title: "Recovery", component: Recovery, there: () => has("recovery") },
  { name: "scores", title: "Scores", component: Scores, there: () => has("scores") },
  { name: "claims", title: "Claims", component: Claims, there: () => has("claims") },
  { name: "data", title: "Tables", component: Data, there: () => true },
];

function isOfOutcomes({ kind }: Report): boolean {
  return kind === "outcomes";
}

function PairsOf({ report }: { readonly report: Report }) {
  return isOfOutcomes(report) ? <OutcomePairs report={report} /> : <Pairs report={report} />;
}

export function App({ report }: { readonly report: Report }) {
  const views = VIEWS.filter(({ there }) => there(report));
  const asked = useKey("view");
  const view = views.find(({ name }) => name === asked) ?? views[0]!;
  useMiss("view", asked, asked === view.name ? null : view.title);
  useSubject(report);
  useEffect(() => {
    document.title = `${view.title} · ${report.title}`;
  }, [view.title, report.title]);
  const Shown = view.component;
  return (
    <>
      <header class="head">
        <div class="names">
          <h1>{report.title}</h1>
          <p class="run">{report.run}</p>
        </div>
        <Links views={views} current={view} />
        <ThemeButton />
      </header>
      <main>
        <Misses />
        <Shown report={report} />
      </main>
    </>
  );
}

interface LinksProps {
  readonly views: readonly View[];
  readonly current: View;
}

/** Alone in reading all keys: the view is not drawn again with them. */
function Links({ views, current }: LinksProps) {
  return (
    <nav aria-label="Views">
      <ul>
        {views.map(({ name, title }) => (
          <li key={name}>
            <a
              href={linkTo({ view: name })}
              aria-current={name === current.name ? "page" : undefined}
            >
              {title}
            </a>
          </li>
        ))}
      </ul>
    </nav>
  );
}

function ThemeButton() {
  return (
    <button type="button" class="theme" onClick={switchTheme}>
      {theme.value === "dark" ? "Light" : "Dark"}
      <span class="unseen"> theme</span>
    </button>
  );
}

/** What all views are about: the run and the class. They tell the rest, as they resolve it. */
function useSubject(report: Report): void {
  const { run, first_unit, classes, evaluations } = report;
  const evaluation = useEvaluation(report);
  const title = evaluations.find(({ name }) => name === evaluation)?.title ?? evaluation;
  const asked = useKey("evaluation");
  useMiss("evaluation", asked, asked === evaluation ? null : title);
  const index = classIn(useKey("class"), classes.length);
  useTold({ run, first_unit, class: index === null ? null : (classes[index] ?? null) });
}
