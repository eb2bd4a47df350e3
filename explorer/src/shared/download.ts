// What a view shows, as files: its numbers as CSV, its picture as SVG or PNG.
import type { Row } from "../page/blocks";
import { type Caption, captionLines, fontOf, LINE } from "./caption";
import { fileName, subjectOf } from "./subject";

const EDGE = 8; // px around a caption

export function csvOf(rows: readonly Row[]): string {
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const lines = rows.map((row) => names.map((name) => cell(row[name])).join(","));
  return [names.map(cell).join(","), ...lines, ""].join("\r\n");
}

function cell(value: unknown): string {
  if (value === null || value === undefined || Number.isNaN(value)) return "";
  const text = String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

export function save(content: Blob, name: string): void {
  const address = URL.createObjectURL(content);
  const link = Object.assign(document.createElement("a"), { href: address, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 1000);
}

/** The rows of a panel, each with what it is about. */
export function saveCsv(rows: readonly Row[], panel: string): void {
  const of = subjectOf(panel);
  const whole = rows.map((row) => ({ ...of, ...row }));
  save(new Blob([csvOf(whole)], { type: "text/csv" }), `${fileName(panel)}.csv`);
}

/** A chart as a file of its own: its caption, and what the page's style sheet says, are in it. */
export function svgText(chart: SVGSVGElement, background: string, caption?: Caption): string {
  const copy = chart.cloneNode(true) as SVGSVGElement;
  const style = getComputedStyle(chart);
  copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  copy.setAttribute("color", style.color);
  copy.setAttribute("font-family", style.fontFamily);
  copy.setAttribute("font-size", style.fontSize);
  copy.style.background = background;
  if (caption) writeAbove(copy, caption);
  return new XMLSerializer().serializeToString(copy);
}

/** Makes the chart taller, with the caption above it. */
function writeAbove(chart: SVGSVGElement, caption: Caption): void {
  const width = Number(chart.getAttribute("width"));
  const height = Number(chart.getAttribute("height"));
  const lines = captionLines(caption, width - 2 * EDGE);
  const above = LINE * lines.length + 2 * EDGE;
  chart.setAttribute("height", String(height + above));
  chart.setAttribute("viewBox", `0 ${-above} ${width} ${height + above}`);
  const words = lines.map(({ text, kind }, i) => {
    const line = svgElement("text", text);
    line.setAttribute("x", String(EDGE));
    line.setAttribute("y", String(LINE * (i + 1) - above));
    line.setAttribute("fill", "currentColor");
    line.setAttribute("text-anchor", "start"); // charts by Plot have "middle"
    line.setAttribute("style", `font: ${fontOf(kind)}`);
    return line;
  });
  chart.prepend(svgElement("title", `${caption.title}. ${caption.says}`), ...words);
}

function svgElement(name: "title" | "text", text: string): SVGElement {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  element.textContent = text;
  return element;
}

/** For a panel that has a caption: the file is named after what the panel shows. */
export function saveSvg(
  chart: SVGSVGElement,
  name: string,
  background: string,
  caption?: Caption,
): void {
  const text = svgText(chart, background, caption);
  save(new Blob([text], { type: "image/svg+xml" }), `${fileName(name, caption?.panel)}.svg`);
}

export function savePng(canvas: HTMLCanvasElement, panel: string): void {
  canvas.toBlob((content) => content && save(content, `${fileName(panel)}.png`), "image/png");
}
