import { h } from "../page/element.js";
import { Grid } from "./grid.js";
import { NdArray, number } from "./ndarray.js";
import { shown } from "./numbers.js";
import { PythonButton } from "./python_button.js";
import { beside } from "./timeline.js";

const TRACE = "practice.trace:trace";
const RESULTS = ["dx", "dW"];
const SMALL = 1e-9;

/** The learner's dx and dW, step by step beside the reference's. */
export class TraceView {
  #context;
  #options;
  #traced = null; // { code, steps, states, start, matched, entries }
  #grids = {};
  #place = h("div", { class: "grids", hidden: true });
  #words = h("p", { class: "trace-words" });
  #button;

  /**
   * `arrays()` are those to trace on; `point(element)` and `choose(element)` are told of a cell, and
   * `changed()` of a trace.
   */
  constructor(context, options) {
    this.#context = context;
    this.#options = options;
    for (const name of RESULTS) {
      const listens = {
        point: (index) => options.point({ array: name, index }),
        focus: (index) => options.choose({ array: name, index }),
        edit: null,
      };
      this.#grids[name] = new Grid(name, "of your code", listens);
    }
    this.#place.addEventListener("pointerleave", () => options.point(null));
    this.#place.append(...Object.values(this.#grids).map(({ element }) => element));
    this.#button = new PythonButton(context.python, {
      name: "Trace your code beside it",
      stop: "Stop tracing",
      work: () => this.#trace(),
      failed: (message) => this.#say(message),
    });
    this.element = h("div", { class: "trace" }, this.#button.element, this.#words, this.#place);
  }

  destroy() {
    this.#button.destroy();
  }

  /** The steps, or null where nothing is traced. */
  get entries() {
    return this.#traced?.entries ?? null;
  }

  /** Whether the reference has a step for each of the learner's. */
  get matched() {
    return this.#traced?.matched ?? true;
  }

  /** The arrays are other ones: what was traced before is traced again. */
  renew() {
    if (!this.#traced) return;
    this.#forget();
    this.#button.press();
  }

  async #trace() {
    let arrays, code, found;
    do {
      arrays = this.#options.arrays();
      code = this.#context.code();
      const { G, x, W } = arrays;
      const args = { code, grad_out: G.toLists(), x: x.toLists(), W: W.toLists() };
      found = await this.#context.python.call(TRACE, args);
    } while (arrays !== this.#options.arrays()); // changed in the meantime
    const { steps, error } = found;
    if (error && steps.length === 0) {
      this.#forget();
      this.#say(`${error.message}${error.line ? ` (line ${error.line})` : ""}`);
      this.#options.changed();
      return;
    }
    const known = RESULTS.filter((name) => drawable(found.start[name] ?? found.results[name]));
    const { matched, entries } = beside(arrays.G.shape, steps);
    this.#traced = { ...found, code, known, matched, entries };
    for (const name of RESULTS) this.#grids[name].element.hidden = !known.includes(name);
    this.#place.hidden = known.length === 0;
    this.#options.changed();
    this.#context.announce(this.#words.textContent);
  }

  #forget() {
    this.#traced = null;
    this.#place.hidden = true;
    this.#say("");
  }

  /** The learner's arrays after an entry, of which the reference's are `{ dx, dW }`. */
  show(entry, isLast, reference) {
    if (!this.#traced) return;
    const { known, matched } = this.#traced;
    const verdicts = known.map((name) => {
      const { array, changes } = this.#state(name, entry);
      const marks = new Map();
      for (const [place, before, after] of changes) {
        marks.set(place, { role: "into", note: `${shown(number(before), 3)}→${shown(number(after), 3)}` });
      }
      const verdict = matched || isLast ? compared(array, reference[name], marks) : null;
      this.#grids[name].show(array, marks);
      return { name, verdict };
    });
    this.#say(
      [this.#where(entry), this.#verdict(verdicts, isLast), this.#about(isLast)].filter(Boolean).join(" "),
    );
  }

  /** A result after an entry, and what changed there. */
  #state(name, entry) {
    const { start, results, steps } = this.#traced;
    if (!start[name]) return { array: NdArray.fromLists(results[name]), changes: [] };
    const array = NdArray.fromLists(start[name]);
    const done = steps.slice(0, (entry?.mine ?? -1) + 1);
    for (const step of done) for (const [place, , after] of step[name]) array.data[place] = number(after);
    return { array, changes: entry && !entry.left ? done.at(-1)[name] : [] };
  }

  #where(entry) {
    if (!entry) return "";
    if (entry.left) return "Your code did not come to this output.";
    const { line, variables } = this.#traced.steps[entry.mine];
    const source = this.#traced.code.split("\n")[line - 1]?.trim();
    const at = Object.entries(variables)
      .map(([name, value]) => `${name} = ${value}`)
      .join(", ");
    return `Line ${line}: ${source}${at ? ` (${at})` : ""}.`;
  }

  #verdict(verdicts, isLast) {
    const named = (wanted) =>
      verdicts
        .filter(({ verdict }) => verdict === wanted)
        .map(({ name }) => name)
        .join(" and ");
    if (named("differs")) return `${named("differs")}: not the reference's where ≠ stands.`;
    if (named("shape")) return `${named("shape")}: not of the shape it should have.`;
    const { error, cut } = this.#traced;
    return isLast && verdicts.length === RESULTS.length && !error && !cut ? "Both end the same." : "";
  }

  #about(isLast) {
    const { steps, start, error, cut, matched, code, known } = this.#traced;
    const said = [];
    if (steps.length === 0)
      said.push(
        "No line of your code adds to dx or dW step by step, so there is nothing to play: only the results are shown.",
      );
    else if (!matched)
      said.push(
        "Your loops are not over output cells one by one, so the reference stands complete beside your steps.",
      );
    const undrawn = RESULTS.filter((name) => !known.includes(name) && !error && !cut);
    if (undrawn.length) said.push(`${undrawn.join(" and ")}: no array of rows and columns is returned.`);
    const lost = known.filter((name) => !start[name]);
    if (lost.length && steps.length)
      said.push(
        `${lost.join(" and ")}: what is returned is no variable of your code, so only the result is shown.`,
      );
    if (isLast && error)
      said.push(`Here it ended: ${error.message}${error.line ? ` (line ${error.line})` : ""}.`);
    if (isLast && cut) said.push("It goes on from here, too long to be traced.");
    if (code !== this.#context.code()) said.push("Your code has changed since: trace it again.");
    return said.join(" ");
  }

  #say(words) {
    if (this.#words.textContent !== words) this.#words.textContent = words;
  }
}

/** Marks what is not the reference's. Null where nothing is, else "differs" or "shape". */
function compared(array, reference, marks) {
  if (array.shape.join() !== reference.shape.join()) return "shape";
  let verdict = null;
  array.data.forEach((value, place) => {
    const wanted = reference.data[place];
    if (Math.abs(value - wanted) <= SMALL * Math.max(1, Math.abs(wanted))) return;
    marks.set(place, { ...marks.get(place), wrong: `not ${shown(wanted)}` });
    verdict = "differs";
  });
  return verdict;
}

/** Whether nested lists have rows and columns. */
const drawable = (lists) => Array.isArray(lists?.[0]) && lists.flat(Infinity).length > 0;
