import { Died, Stopped } from "../python/client.js";
import { glyph, h } from "./element.js";
import { finding } from "./finding.js";
import { count, groupOf } from "./outcome.js";
import { TestList } from "./tests.js";

const SIGNS = { passed: "✓", failed: "✗" };

/**
 * What came of a run, at its head whether the problem is solved: its own tests first, then the extra
 * checks, and below the mistake with its case, and every test.
 */
export class Verdict {
  #problem;
  #options;
  #tests;
  #trial = null;
  #summary = h("p", { class: "summary" });
  #marks = h("span", { class: "marks", "aria-hidden": "true" });
  #extra = h("p", { class: "extra" });
  #old = h(
    "p",
    { class: "old-note", hidden: true },
    "This was found in your code as it was before you changed it. Run the tests again.",
  );
  #next = h("div", { class: "next" });
  #findings = h("div", { class: "findings" });

  /**
   * `next` is `[{ place, words }]`, where to go once all is solved; `toLine(line)` shows a line of the
   * code, `see` what is taken to the picture, and `hints()` the hints of the problem; `before` is whether it
   * has been solved before.
   */
  constructor(problem, options) {
    this.#problem = problem;
    this.#options = options;
    const list = h("div", { class: "all-tests" }, h("h2", { class: "spoken" }, "All tests"));
    this.#tests = new TestList(list);
    this.head = h("div", { class: "verdict-head" }, this.#marks, this.#summary, this.#extra);
    this.element = h("div", { class: "verdict" }, this.#old, this.#next, this.#findings, list);
    this.element.addEventListener("click", (event) => {
      const line = event.target.closest("[data-line]")?.dataset.line;
      if (line) options.toLine(Number(line));
    });
    this.#tests.show(problem.tests);
    this.#state("none");
    this.#say(
      ...(options.before ? [h("strong", {}, "Solved before"), "run it to see it again"] : ["Not run yet"]),
    );
    this.#count(new Map());
  }

  /** In words, for who doesn't see it. */
  get words() {
    return this.head.innerText.replace(/\s+/g, " ");
  }

  /** A run begins. */
  begin(trial) {
    this.#trial = trial;
    this.#tests.show(trial.names);
    this.#findings.replaceChildren();
    this.#next.replaceChildren();
    this.#old.hidden = true;
    this.#state("running");
    this.#count(trial.states);
  }

  /** The latest run of an earlier visit. */
  restore(trial) {
    this.begin(trial);
    this.#tell();
    this.show();
  }

  /** While it runs, where it is. */
  say(words) {
    this.#say(words);
  }

  /** What has been told since. */
  told() {
    const { states, ids } = this.#trial;
    this.#tell();
    const ran = ids.filter((id) => states.has(id)).length;
    this.#say(`Running: ${ran} of ${ids.length}`);
    this.#count(states);
  }

  /** How it ended. */
  show() {
    const { error, outcome, states } = this.#trial;
    if (error) this.#broken(error);
    else if (outcome.kind === "not loaded") this.#refused(outcome);
    else this.#ended();
    this.#count(states);
    this.element.parentElement.scrollTop = 0; // what is new stands at the top
  }

  /** Whether the code has changed since. */
  set old(value) {
    this.#old.hidden = !value || this.#trial === null || this.head.dataset.state === "running";
    this.element.classList.toggle("old", !this.#old.hidden);
    this.head.classList.toggle("old", !this.#old.hidden);
  }

  #tell() {
    for (const [id, event] of this.#trial.states) if (groupOf(id) !== "case") this.#tests.tell(id, event);
  }

  #ended() {
    const { ids, states, told, solved } = this.#trial;
    const own = count(ids, states, "own");
    const extra = count(ids, states, "extra");
    this.#state(solved ? "solved" : "unsolved");
    this.#say(h("strong", {}, solved ? "Solved" : "Not solved yet"), `${own.passed} of ${own.of} tests pass`);
    const all = solved && extra.passed === extra.of;
    const { see, hints } = this.#options;
    this.#findings.replaceChildren(...told.map((report) => finding(report, { solved, see, hints })));
    this.#next.replaceChildren(...(solved ? [this.#onwards(all)] : []));
  }

  #onwards(all) {
    const links = this.#options.next.map(({ place, words }, n) =>
      h("a", { class: n ? "" : "onwards", href: `#${place}` }, words, n ? "" : glyph(" →")),
    );
    const said = all ? "Every test passes, and every extra check." : "An extra check still finds something:";
    return h("p", { class: "praise" }, h("span", {}, said), links);
  }

  #refused({ message, line }) {
    this.#state("broken");
    this.#say(h("strong", {}, "Your code can't be run"));
    this.#findings.replaceChildren(
      h(
        "section",
        { class: "finding", "aria-label": "Why it can't be run" },
        h("p", { class: "crash" }, message),
        line ? lineButton(line) : null,
      ),
    );
  }

  #broken(error) {
    this.#state("broken");
    if (error instanceof Stopped) {
      const test = this.#trial.running;
      this.#say(h("strong", {}, error.line ? `Stopped in line ${error.line}` : "Stopped"));
      const where = test ? `It was in “${test}”. ` : "";
      this.#findings.replaceChildren(
        h(
          "p",
          {},
          where,
          "Nothing more is known of the tests after it.",
          error.line ? [" ", lineButton(error.line)] : null,
        ),
      );
    } else if (error instanceof Died) {
      this.#say(h("strong", {}, "Python had to be started again"));
      this.#findings.replaceChildren(h("p", {}, error.message));
    } else {
      this.#say(h("strong", {}, "It could not be run"));
      this.#findings.replaceChildren(h("p", {}, error.message));
    }
  }

  #say(...words) {
    this.#summary.replaceChildren(...words.flatMap((part, n) => (n ? [" ", h("span", {}, part)] : [part])));
  }

  #state(state) {
    this.head.dataset.state = state;
    this.element.dataset.state = state;
  }

  #count(states) {
    const ids = Object.keys(this.#problem.tests);
    this.#marks.replaceChildren(
      ...ids
        .filter((id) => groupOf(id) === "own")
        .map((id) => {
          const state = states.get(id)?.state ?? "not run";
          const title = `${this.#problem.tests[id]}: ${state}`;
          return h("span", { class: "mark", "data-state": state, title }, SIGNS[state] ?? "");
        }),
    );
    const { passed, of } = count(ids, states, "extra");
    // What is not written yet passes some of them, which would say nothing.
    const written = !this.#trial?.reports.some(({ missing = [] }) => missing.length);
    const ran = written && ids.some((id) => groupOf(id) === "extra" && states.has(id));
    this.#extra.dataset.state = !ran ? "none" : passed === of ? "solved" : "unsolved";
    this.#extra.textContent = ran ? `Extra checks: ${passed} of ${of}` : `and ${of} extra checks`;
  }
}

/** A button that leads to a line of the code. */
export function lineButton(line) {
  return h("button", { type: "button", class: "plain to-line", "data-line": line }, `Show line ${line}`);
}
