import { h, spoken } from "./element.js";

const MOST = 12; // rows and columns of a table
const MOST_PLANES = 8;

/** A number as the report writes it. */
export function number(value) {
  if (typeof value !== "number") return String(value); // "nan", "inf"
  const text = String(Number(value.toPrecision(6)));
  return text.replace("-", "−");
}

/** The planes of a nested list: `[[index, rows], …]`, of one plane or row the index is []. */
function planes(array, index = []) {
  if (!Array.isArray(array)) return [[index, [[array]]]];
  if (!array.length || !Array.isArray(array[0])) return [[index, [array]]];
  if (!Array.isArray(array[0][0])) return [[index, array]];
  return array.flatMap((part, place) => planes(part, [...index, place]));
}

const axes = (array) => (Array.isArray(array) ? 1 + axes(array[0]) : 0);

/**
 * A nested list as tables, one for each plane, with rows and columns numbered.
 *
 * `marks(index)` says what there is to say of an element: `{ class, words }` or null. Titles are `numbered`,
 * each with its plane's index.
 */
export function tables(title, array, marks = () => null, { numbered = true } = {}) {
  const rank = axes(array);
  const every = planes(array);
  const made = every.slice(0, MOST_PLANES).map(([place, rows]) => {
    const inner = (i, j) => (rank === 0 ? [] : rank === 1 ? [j] : [...place, i, j]);
    const name = numbered && place.length ? `${title}[${place.join(", ")}]` : title;
    return table(name, rows, (i, j) => marks(inner(i, j)));
  });
  if (every.length > MOST_PLANES) made.push(h("p", {}, `and ${every.length - MOST_PLANES} planes more`));
  return made;
}

function table(title, rows, marks) {
  const columns = rows[0]?.length ?? 0;
  const shown = Math.min(columns, MOST);
  const head = Array.from({ length: shown }, (_, j) => h("th", { scope: "col" }, String(j)));
  const body = rows.slice(0, MOST).map((row, i) =>
    h(
      "tr",
      {},
      h("th", { scope: "row" }, String(i)),
      row.slice(0, MOST).map((value, j) => {
        const mark = marks(i, j);
        return h("td", { class: mark?.class }, number(value), mark ? spoken(`, ${mark.words}`) : null);
      }),
    ),
  );
  const more = rows.length > MOST || columns > MOST;
  const caption = more ? `${title} (the first ${MOST} rows and columns)` : title;
  // A caption of its own that is seen would make a narrow table as wide as it is.
  return h(
    "div",
    { class: "named" },
    h("p", { "aria-hidden": "true" }, caption),
    h(
      "table",
      { class: "array" },
      h("caption", { class: "spoken" }, caption),
      h("thead", {}, h("tr", {}, h("td", {}), head)),
      h("tbody", {}, body),
    ),
  );
}

/** The difference of two nested lists of the same shape. */
export function difference(got, expected) {
  if (Array.isArray(got)) return got.map((part, place) => difference(part, expected[place]));
  return typeof got === "number" && typeof expected === "number" ? got - expected : "nan";
}

const same = (a, b) => a.length === b.length && a.every((value, place) => value === b[place]);
const at = (array, index) => index.reduce((part, place) => part[place], array);

/** Shapes as nested lists have them, to see whether two agree. */
function shape(array) {
  return Array.isArray(array) ? [array.length, ...shape(array[0])] : [];
}

function shapesInWords(result, got, wanted) {
  const words = (sizes) => h("code", {}, `(${sizes.join(", ")}${sizes.length === 1 ? "," : ""})`);
  return [
    "Your ",
    h("code", {}, result),
    " has the shape ",
    words(got),
    ", and should have ",
    words(wanted),
    ".",
  ];
}

/** What is no array: "stride = 2". */
function options(given) {
  const numbers = Object.entries(given).filter(([, value]) => !Array.isArray(value));
  if (!numbers.length) return null;
  const written = numbers.map(([name, value]) => h("code", {}, `${name} = ${number(value)}`));
  return h("div", { class: "named options-given" }, h("p", {}, "with"), written);
}

/** The evidence of a failure: result, what is right, the arguments, and the difference. */
export function evidenceTables({ result, got, expected, arguments: given }, firstWrong) {
  const group = (kind, label, ...content) =>
    h("div", { class: `arrays ${kind}`, tabindex: "0", role: "group", "aria-label": label }, content);
  const found = h("div", { class: "evidence" });
  const last = [];
  if (result && same(shape(got), shape(expected))) {
    const off = difference(got, expected);
    const first = firstWrong?.index ?? null;
    // The tolerance is the checker's own: up to the first wrong element nothing is marked.
    const marks = (index) => {
      if (first && same(index, first)) return { class: "wrong first", words: "the first wrong element" };
      const value = at(off, index);
      return value === "nan" || Math.abs(value) > 1e-9 ? { class: "wrong", words: "wrong" } : null;
    };
    found.append(
      group("result", "result", tables(`your ${result}`, got, marks), tables("expected", expected)),
    );
    last.push(
      group("off", "difference", tables("difference", off, marks, { numbered: planes(off).length > 1 })),
    );
  } else if (result) {
    found.append(h("p", {}, shapesInWords(result, shape(got), shape(expected))));
  }
  const arrays = Object.entries(given).filter(([, value]) => Array.isArray(value));
  const inputs = arrays.map(([name, array]) => tables(name, array));
  found.append(group("given", "arguments", h("p", {}, "for"), inputs, options(given)), ...last);
  return found;
}
