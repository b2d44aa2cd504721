import { h } from "../page/element.js";
import { Grid } from "./grid.js";
import { NdArray, number } from "./ndarray.js";
import { shown } from "./numbers.js";
import { PythonButton } from "./python_button.js";
import { beside } from "./timeline.js";

const SMALL = 1e-9;

/** The learner's results, step by step beside the reference's; the line of each step is marked. */
export class TraceView {
  #context;
  #trace;
  #options;
  #traced = null; // { code, steps, states, start, matched, entries }
  #button;
  grids = {};
  words = h("p", { class: "trace-words" });

  /**
   * `trace` is a scene's: `results`, `shape(state)` of the cells, and `ask(state, code)`, what Python
   * is asked. `state()` is the scene's now; `point(element)` and `choose(element)` are told of a cell,
   * and `changed()` of a trace.
   */
  constructor(context, trace, options) {
    this.#context = context;
    this.#trace = trace;
    this.#options = options;
    for (const name of trace.results) {
      const listens = {
        point: (index) => options.point({ array: name, index }),
        focus: (index) => options.choose({ array: name, index }),
        edit: null,
      };
      this.grids[name] = new Grid(name, "yours", listens, "yours grid-of-sums");
      this.grids[name].element.hidden = true;
    }
    this.#button = new PythonButton(context.python, {
      name: "Trace your code",
      stop: "Stop tracing",
      work: () => this.#run(),
      failed: (message) => this.#say(message),
    });
    this.button = this.#button.element;
  }

  destroy() {
    this.#button.destroy();
    this.#context.step(null);
  }

  /** The steps, or null where nothing is traced. */
  get entries() {
    return this.#traced?.entries ?? null;
  }

  /** Whether the reference has a step for each of the learner's. */
  get matched() {
    return this.#traced?.matched ?? true;
  }

  /** Trace the code, unless that is under way: it ends with the newest code and arrays anyway. */
  again() {
    if (!this.#button.running) this.#button.press();
  }

  /** The arrays are other ones: what was traced before is traced again. */
  renew() {
    if (!this.#traced) return;
    this.#forget();
    this.again();
  }

  async #run() {
    const { results } = this.#trace;
    let state, code, found;
    do {
      state = this.#options.state();
      code = this.#context.code();
      found = await this.#context.python.call(...this.#trace.ask(state, code));
    } while (state !== this.#options.state()); // changed in the meantime
    const { steps, error } = found;
    if (error && steps.length === 0) {
      this.#forget();
      this.#say(`${error.message}${error.line ? ` (line ${error.line})` : ""}`);
      this.#options.changed();
      return;
    }
    const known = results.filter((name) => drawable(found.start[name] ?? found.results[name]));
    const { matched, entries } = beside(this.#trace.shape(state), steps, results);
    this.#traced = { ...found, code, known, matched, entries };
    for (const name of results) this.grids[name].element.hidden = !known.includes(name);
    this.#options.changed();
    this.#context.announce(this.words.textContent);
  }

  #forget() {
    this.#traced = null;
    for (const grid of Object.values(this.grids)) grid.element.hidden = true;
    this.#context.step(null);
    this.#say("");
  }

  /** The learner's arrays after an entry, of which the reference's are known by the results' names. */
  show(entry, isLast, reference) {
    if (!this.#traced) return;
    const { known, matched, code } = this.#traced;
    const verdicts = known.map((name) => {
      const { array, changes } = this.#state(name, entry);
      const marks = new Map();
      for (const [place, before, after] of changes) {
        marks.set(place, { role: "into", note: `${shown(number(before), 3)}→${shown(number(after), 3)}` });
      }
      const verdict = matched || isLast ? compared(array, reference[name], marks) : null;
      this.grids[name].show(array, marks);
      return { name, verdict };
    });
    const line = entry && !entry.left ? this.#traced.steps[entry.mine].line : null;
    this.#context.step(code === this.#context.code() ? line : null);
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
    if (!entry) return this.entries.length ? "Traced: play it, or go step by step." : "";
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
    return isLast && verdicts.length === this.#trace.results.length && !error && !cut
      ? "Both end the same."
      : "";
  }

  #about(isLast) {
    const { steps, start, error, cut, matched, code, known } = this.#traced;
    const { results } = this.#trace;
    const said = [];
    if (steps.length === 0)
      said.push(
        `No line of your code fills ${results.join(" or ")} step by step, so there is nothing to play: only the results are shown.`,
      );
    else if (!matched)
      said.push(
        "Your loops are not over output cells one by one, so the reference stands complete beside your steps.",
      );
    const undrawn = results.filter((name) => !known.includes(name) && !error && !cut);
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
    if (this.words.textContent !== words) this.words.textContent = words;
  }
}

/** Marks what is not the reference's. Null where nothing is, else "differs" or "shape". */
function compared(array, reference, marks) {
  if (array.shape.join() !== reference.shape.join()) return "shape";
  let verdict = null;
  array.data.forEach((value, place) => {
    if (reference.come && !reference.come.has(place)) return;
    const wanted = reference.data[place];
    if (Math.abs(value - wanted) <= SMALL * Math.max(1, Math.abs(wanted))) return;
    marks.set(place, { ...marks.get(place), wrong: `not ${shown(wanted)}` });
    verdict = "differs";
  });
  return verdict;
}

/** Whether nested lists have rows and columns. */
const drawable = (lists) => Array.isArray(lists?.[0]) && lists.flat(Infinity).length > 0;
