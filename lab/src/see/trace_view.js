import { h } from "../page/element.js";
import { Grid } from "./grid.js";
import { NdArray } from "./ndarray.js";
import { shown } from "./numbers.js";
import { PythonButton } from "./python_button.js";
import { beside } from "./timeline.js";

const TRACE = "practice.trace:trace";
const RESULTS = { dx: "dx", dW: "dW" };
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

  /** `arrays()` are those to trace on, `looked(element)` is told of a cell, `changed()` of a trace. */
  constructor(context, options) {
    this.#context = context;
    this.#options = options;
    for (const name of Object.keys(RESULTS)) {
      const look = (index) => options.look({ array: name, index });
      this.#grids[name] = new Grid(name, "of your code", { point: look, focus: look, edit: null });
    }
    this.#place.append(...Object.values(this.#grids).map(({ element }) => element));
    this.#button = new PythonButton(context.python, {
      name: "Trace your code beside it",
      stop: "Stop tracing",
      work: () => this.#trace(),
      failed: (message) => this.#say(message),
    });
    this.element = h("div", { class: "trace" }, this.#button.element, this.#words, this.#place);
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
    const code = this.#context.code();
    const { G, x, W } = this.#options.arrays();
    const found = await this.#context.python.call(TRACE, { code, grad_out: G.toLists(), x: x.toLists(), W: W.toLists() });
    const { steps, error } = found;
    if (error && steps.length === 0) {
      this.#forget();
      this.#say(`${error.message}${error.line ? ` (line ${error.line})` : ""}`);
      this.#options.changed();
      return;
    }
    const known = Object.keys(RESULTS).filter((name) => found.start[name] ?? found.results[name]);
    const { matched, entries } = beside(G.shape, steps);
    this.#traced = { ...found, code, known, matched, entries };
    for (const name of Object.keys(RESULTS)) this.#grids[name].element.hidden = !known.includes(name);
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
    const { steps, known, matched } = this.#traced;
    const differing = [];
    for (const name of known) {
      const { array, changes } = this.#state(name, entry?.mine ?? -1);
      const marks = new Map();
      for (const [place, before, after] of changes) marks.set(place, { role: "into", note: `${shown(before, 3)}→${shown(after, 3)}` });
      const comparable = array.shape.join() === reference[name].shape.join() && (matched || isLast);
      if (comparable) {
        array.data.forEach((value, place) => {
          const wanted = reference[name].data[place];
          if (Math.abs(value - wanted) <= SMALL * Math.max(1, Math.abs(wanted))) return;
          marks.set(place, { ...marks.get(place), wrong: `not ${shown(wanted)}` });
          if (!differing.includes(name)) differing.push(name);
        });
      }
      this.#grids[name].show(array, marks);
    }
    this.#say([this.#where(entry, steps), this.#difference(differing, isLast), this.#about(isLast)].filter(Boolean).join(" "));
  }

  /** A result after a step, and what that step changed. */
  #state(name, step) {
    const { start, results, steps } = this.#traced;
    if (!start[name]) return { array: NdArray.fromLists(results[name]), changes: [] };
    const array = NdArray.fromLists(start[name]);
    for (const one of steps.slice(0, step + 1)) for (const [place, , after] of one[name]) array.data[place] = Number(after);
    return { array, changes: step >= 0 ? steps[step][name] : [] };
  }

  #where(entry, steps) {
    if (!entry) return "";
    if (entry.left) return "Your code did not come to this output.";
    const { line, variables } = steps[entry.mine];
    const source = this.#traced.code.split("\n")[line - 1]?.trim();
    const at = Object.entries(variables).map(([name, value]) => `${name} = ${value}`).join(", ");
    return `Line ${line}: ${source}${at ? ` (${at})` : ""}.`;
  }

  #difference(differing, isLast) {
    if (differing.length) return `${differing.join(" and ")}: not the reference's where ≠ stands.`;
    return isLast && !this.#traced.error && !this.#traced.cut ? "Both end the same." : "";
  }

  #about(isLast) {
    const { steps, start, error, cut, matched, code, known } = this.#traced;
    const said = [];
    if (steps.length === 0) said.push("No line of your code adds to dx or dW step by step, so there is nothing to play: only the results are shown.");
    else if (!matched) said.push("Your loops are not over output cells one by one, so the reference stands complete beside your steps.");
    const lost = known.filter((name) => !start[name]);
    if (lost.length && steps.length) said.push(`${lost.join(" and ")}: what is returned is no variable of your code, so only the result is shown.`);
    if (isLast && error) said.push(`Here it ended: ${error.message}${error.line ? ` (line ${error.line})` : ""}.`);
    if (isLast && cut) said.push("It goes on from here: only the first 1,000 steps are traced.");
    if (code !== this.#context.code()) said.push("Your code has changed since: trace it again.");
    return said.join(" ");
  }

  #say(words) {
    if (this.#words.textContent !== words) this.#words.textContent = words;
  }
}
