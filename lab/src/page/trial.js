import { groupOf } from "./outcome.js";

const RUN = "practice.running:run";

/** One run of a problem's tests on code, and of the learner's own cases: what it has told so far. */
export class Trial {
  states = new Map(); // the events of tests by their ids
  reports = [];
  crashes = [];
  outcome = null; // Python's last word
  error = null; // why there is none

  /** `names` are those of the tests by their ids, in the order in which they run. */
  constructor(problem, code, cases) {
    this.problem = problem;
    this.code = code;
    this.cases = structuredClone(cases);
    this.ids = Object.keys(problem.tests);
    this.names = problem.tests;
  }

  /** Have Python run it: `told()` after each event, `output` is given what is printed. */
  async run(python, { told, output }) {
    const args = { number: this.problem.number, code: this.code, cases: this.cases };
    const tell = (event) => {
      this.#tell(event);
      told();
    };
    try {
      await python.call(RUN, args, { tell, output });
    } catch (error) {
      this.error = error;
    }
  }

  get solved() {
    return this.outcome?.solved === true;
  }

  /** The reports that have something to tell: what is wrong, or advice. */
  get told() {
    return this.reports.filter(({ ok, advice = [] }) => !ok || advice.length);
  }

  /** The lines of the code of which there is something to say: `[{ line, message }]`. */
  get lines() {
    if (this.error) return [{ line: this.error.line, message: "stopped here" }];
    if (this.outcome.kind === "not loaded") return [this.outcome];
    return this.crashes.map(({ line, kind, message }) => ({ line, message: `${kind}: ${message}` }));
  }

  /** What is running: the name of a test, or null before and after them. */
  get running() {
    const last = [...this.states.keys()].filter((id) => groupOf(id) !== "case").at(-1);
    const next = this.ids[this.ids.indexOf(last) + 1];
    return last === undefined ? null : (this.names[next] ?? null);
  }

  #tell(event) {
    if (event.kind === "test") {
      this.states.set(event.id, event);
      if (event.crash) this.crashes.push(event.crash);
    } else if (event.kind === "report") {
      this.reports.push(event.report);
      if (event.report.crash) this.crashes.push(event.report.crash);
    } else {
      this.outcome = event;
    }
  }
}
