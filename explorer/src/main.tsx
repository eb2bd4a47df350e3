import { render } from "preact";
import { App } from "./app";
import { loadReport } from "./page/report";
import "./theme.css";

const home = document.getElementById("explorer")!;
loadReport().then(
  (report) => {
    home.replaceChildren();
    render(<App report={report} />, home);
    markShown();
  },
  (error) => {
    home.textContent = `This report could not be read: ${error}`;
  },
);

/** Tells benchmarks when the first view is painted with all that it shows. */
function markShown(): void {
  requestAnimationFrame(() => {
    if (document.querySelector(".reading")) markShown();
    else requestAnimationFrame(() => performance.mark("lashley-shown"));
  });
}
