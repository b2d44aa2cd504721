import { h } from "../page/element.js";
import { Grid } from "./grid.js";
import { PythonButton } from "./python_button.js";

/**
 * A trace of the learner's code: the button that asks for one, a grid for each of the learner's arrays, and
 * words. How an answer is taken and shown, the two kinds say: `TraceView` and `StagesView`.
 */
export class TracePanel {
  #button;
  grids = {};
  words = h("p", { class: "trace-words" });
  traced = null; // Python's answer and the code that it is of, or null

  /**
   * `trace` is a scene's: `results`, the names of the learner's arrays, and `ask(state, code)`, what
   * Python is asked. `state()` is the scene's now; `point(element)` and `choose(element)` are told of a
   * cell, and `changed()` of a trace.
   */
  constructor(context, trace, options) {
    this.context = context;
    this.trace = trace;
    this.options = options;
    for (const name of trace.results) {
      const listens = {
        point: (index) => options.point({ array: name, index }),
        focus: (index) => options.choose({ array: name, index }),
        edit: null,
      };
      this.grids[name] = new Grid(name, "yours", listens, `yours ${trace.kind?.(name) ?? "grid-of-sums"}`);
      this.grids[name].element.hidden = true;
    }
    this.#button = new PythonButton(context.python, {
      name: "Trace your code",
      stop: "Stop tracing",
      work: () => this.#run(),
      failed: (message) => this.say(message),
    });
    this.button = this.#button.element;
  }

  destroy() {
    this.#button.destroy();
    this.context.step(null);
  }

  /** Trace the code, unless that is under way: it ends with the newest code and arrays anyway. */
  again() {
    if (!this.#button.running) this.#button.press();
  }

  /** The arrays are other ones: what was traced before is traced again. */
  renew() {
    if (!this.traced) return;
    this.#forget();
    this.again();
  }

  async #run() {
    let state, code, found;
    do {
      state = this.options.state();
      code = this.context.code();
      found = await this.context.python.call(...this.trace.ask(state, code));
    } while (state !== this.options.state()); // changed in the meantime
    const { error } = found;
    if (error && this.empty(found)) {
      this.#forget();
      this.say(`${error.message}${error.line ? ` (line ${error.line})` : ""}`);
      this.options.changed();
      return;
    }
    this.traced = { ...found, code };
    this.take(state);
    this.options.changed();
    this.context.announce(this.words.textContent);
  }

  #forget() {
    this.traced = null;
    for (const grid of Object.values(this.grids)) grid.element.hidden = true;
    this.context.step(null);
    this.say("");
  }

  /** Mark a line of the code that was traced, as long as it is in the editor; null marks none. */
  mark(line) {
    this.context.step(this.traced.code === this.context.code() ? line : null);
  }

  /** A line of it in words, with the code where the editor is not beside it. */
  source(line) {
    const code = this.traced.code.split("\n")[line - 1]?.trim();
    return [`Line ${line}`, h("span", { class: "source" }, `: ${code}`)];
  }

  /** Where it ended before its end, and whether the code has become another. */
  ending(isLast) {
    const { error, cut, code } = this.traced;
    const said = [];
    if (isLast && error)
      said.push(`Here it ended: ${error.message}${error.line ? ` (line ${error.line})` : ""}.`);
    if (isLast && cut) said.push("It goes on from here, too long to be traced.");
    if (code !== this.context.code()) said.push("Your code has changed since: trace it again.");
    return said;
  }

  say(...words) {
    this.words.replaceChildren(...words);
  }
}

/** That arrays are wrong, "differs" or of another "shape". */
export function told(names, wrong) {
  const one = names.length === 1;
  const said =
    wrong === "shape"
      ? `${one ? "has" : "have"} not the right shape.`
      : `${one ? "differs" : "differ"} from the reference where ≠ stands.`;
  return `${names.join(" and ")} ${said}`;
}
