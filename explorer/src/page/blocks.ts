// What a report carries: blocks of text in the page, each gzip'd bytes in base64 (lashley.page).
import { tableFromIPC } from "@uwdata/flechette";
import { keptByName } from "./once";

export type Cell = string | number | boolean | null;
export type Row = Record<string, Cell>;
export type Numbers =
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | Int16Array
  | Int32Array
  | Float32Array
  | Float64Array;

/** A table by columns; `rows` are made when asked for. */
export interface Table {
  readonly names: readonly string[];
  readonly length: number;
  column<T extends Cell>(name: string): ArrayLike<T>;
  rows(): Row[];
}

/** Numbers with their shape, row-major. */
export interface Tensor<T extends Numbers = Numbers> {
  readonly shape: readonly number[];
  readonly values: T;
}

const KINDS = {
  uint8: Uint8Array,
  uint16: Uint16Array,
  uint32: Uint32Array,
  int16: Int16Array,
  int32: Int32Array,
  float32: Float32Array,
  float64: Float64Array,
} as const;

const kept = keptByName<unknown>();

export function has(name: string): boolean {
  return document.getElementById(idOf(name)) !== null;
}

export function json<T>(name: string): Promise<T> {
  return once(name, async () => JSON.parse(new TextDecoder().decode(await bytesOf(name))) as T);
}

export function table(name: string): Promise<Table> {
  return once(name, async () => asTable(await bytesOf(name)));
}

export function tensor<T extends Numbers = Numbers>(name: string): Promise<Tensor<T>> {
  return once(name, async () => {
    const { dtype, shape } = element(name).dataset;
    const kind = KINDS[dtype as keyof typeof KINDS];
    const bytes = await bytesOf(name);
    return { shape: JSON.parse(shape ?? "[]") as number[], values: new kind(bytes.buffer) as T };
  });
}

/** A picture as an address that needs no file. */
export function picture(name: string): string {
  return `data:image/png;base64,${element(name).textContent}`;
}

export function asTable(bytes: Uint8Array): Table {
  const found = tableFromIPC(bytes);
  const names = found.schema.fields.map((field) => field.name);
  const columns = new Map(names.map((name) => [name, found.getChild(name)]));
  const read = new Map<string, ArrayLike<Cell>>();
  const column = <T extends Cell>(name: string): ArrayLike<T> => {
    if (!columns.has(name)) throw new Error(`no column ${name}; there are ${names.join(", ")}`);
    if (!read.has(name)) read.set(name, columns.get(name)!.toArray() as ArrayLike<Cell>);
    return read.get(name) as ArrayLike<T>;
  };
  const rows = () =>
    Array.from({ length: found.numRows }, (_, i) =>
      Object.fromEntries(names.map((name) => [name, column(name)[i] ?? null])),
    );
  return { names, length: found.numRows, column, rows };
}

function idOf(name: string): string {
  return `block-${name}`;
}

function element(name: string): HTMLElement {
  const found = document.getElementById(idOf(name));
  if (found === null) throw new Error(`this report has no ${name}`);
  return found;
}

function once<T>(name: string, make: () => Promise<T>): Promise<T> {
  return kept(name, make) as Promise<T>;
}

async function bytesOf(name: string): Promise<Uint8Array<ArrayBuffer>> {
  const packed = fromBase64(element(name).textContent ?? "");
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  const plain = atob(text.trim());
  const bytes = new Uint8Array(plain.length);
  for (let i = 0; i < plain.length; i++) bytes[i] = plain.charCodeAt(i);
  return bytes;
}
