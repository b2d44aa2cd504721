import views from "dxdw:views";
import { Stopped } from "../python/client.js";
import { OwnCases } from "./cases.js";
import { Editor } from "./editor.js";
import { built, glyph, h } from "./element.js";
import { finding } from "./finding.js";
import { focusableWhereScrolling } from "./scrolling.js";
import { fragment } from "./share.js";
import { TestList } from "./tests.js";

const RUN = "practice.running:run";
const MARKED_MS = 2000;

/** One problem of the series: statement, pictures, editor, tests, and what is wrong. */
export class ProblemPage {
  #problem;
  #context;
  #editor;
  #tests;
  #cases;
  #views = [];
  #running = false;
  #solved;
  #dom = {};
  #unwatch;
  #scrolling;

  /** `context`: python, store, announce, and `solved(number)`, to be told when it is. */
  constructor(main, problem, context) {
    this.#problem = problem;
    this.#context = context;
    this.#cases = context.store.get(`cases/${problem.number}`, []);
    this.#solved = context.solved;
    main.replaceChildren();
    main.append(
      this.#statement(),
      ...this.#pictures(),
      this.#work(),
      this.#results(),
      (this.#dom.finding = h("div", { class: "findings" })),
      this.#help(),
      this.#own(),
    );
    this.#scrolling = focusableWhereScrolling(main);
    this.#editor.open(this.#kept() ?? problem.starter);
    this.#listTests();
    this.#unwatch = context.python.watch(() => this.#buttons());
    this.#buttons();
  }

  get code() {
    return this.#editor.text;
  }

  /** Code that a link brought: into the editor, where the learner's own would not be lost. */
  offer(code) {
    if (code === this.code) return;
    if (this.code === this.#problem.starter) {
      this.#editor.open(code);
      this.#context.announce("The code of the link is in the editor. It has not been run.");
      return;
    }
    const notice = h(
      "div",
      { class: "notice", role: "region", "aria-label": "Code from a link" },
      h("p", {}, "This link brings code for the problem. Nothing of it has been run."),
      h("p", { class: "row" },
        h("button", { type: "button", on: { click: () => (this.#editor.replace(code), notice.remove(), this.#editor.focus()) } }, "Put it into the editor"),
        h("button", { type: "button", class: "plain", on: { click: () => (notice.remove(), this.#editor.focus()) } }, "Keep mine"),
      ),
    );
    this.#dom.notices.replaceChildren(notice);
    this.#context.announce("This link brings code for the problem. Nothing of it has been run.");
  }

  destroy() {
    this.#unwatch();
    this.#scrolling.disconnect();
    for (const view of this.#views) view.destroy();
    this.#editor.destroy();
  }

  // --- what there is --------------------------------------------------------------------------

  #statement() {
    const { number, title, statement } = this.#problem;
    return h("article", { class: "statement" }, h("p", { class: "number" }, `Problem ${number}`), h("h1", {}, title), built(statement));
  }

  #pictures() {
    if (!views.see) return [];
    const place = h("section", { class: "pictures", "aria-label": "Seeing it" });
    const { python, announce, store } = this.#context;
    const view = views.see.mount(place, { python, announce, store, code: () => this.code });
    view.update(this.#problem);
    this.#views.push(view);
    return [place];
  }

  #work() {
    const dom = this.#dom;
    const place = h("div", { class: "editor", id: "editor" });
    dom.run = h("button", { type: "button", class: "run", on: { click: () => this.run() } }, glyph("▶"), " Run tests");
    dom.stop = h("button", { type: "button", class: "stop", disabled: true, on: { click: () => this.stop() } }, glyph("■"), " Stop");
    dom.share = h("button", { type: "button", class: "plain", on: { click: () => this.#share() } }, "Copy a link");
    const more = [
      dom.share,
      h("button", { type: "button", class: "plain", on: { click: () => this.#download() } }, "Download"),
      h("button", { type: "button", class: "plain", on: { click: () => this.#startOver() } }, "Start over"),
    ];
    dom.output = h("pre", { class: "scrolls" });
    dom.outputPlace = h("section", { class: "output", hidden: true }, h("h3", {}, "Printed"), dom.output);
    dom.notices = h("div");
    const section = h(
      "section",
      { class: "work", "aria-labelledby": "work-title" },
      h("h2", { id: "work-title" }, "Your code"),
      dom.notices,
      place,
      h("div", { class: "bar-of-buttons" }, h("div", { class: "row" }, dom.run, dom.stop), h("div", { class: "row" }, more)),
      h("p", { class: "quiet keys", id: "editor-keys" },
        h("kbd", {}, "Ctrl"), "+", h("kbd", {}, "Enter"), " runs the tests, ", h("kbd", {}, "Esc"), " stops them; ",
        h("kbd", {}, "Esc"), " and then ", h("kbd", {}, "Tab"), " leaves the editor."),
      dom.outputPlace,
    );
    this.#editor = new Editor(place, {
      describedBy: "editor-keys",
      changed: (text) => {
        this.#context.store.set(`code/${this.#problem.number}`, text);
      },
      run: () => this.run(),
    });
    return section;
  }

  #results() {
    const section = h("section", { class: "results", "aria-labelledby": "tests-title" }, h("h2", { id: "tests-title" }, "Tests"));
    this.#tests = new TestList(section);
    return section;
  }

  #help() {
    const { hints, solution, wrong_answers: wrong } = this.#problem;
    const levels = ["A hint", "A stronger hint", "Nearly the answer"];
    const load = (code, said) =>
      h("button", { type: "button", on: { click: () => (this.#editor.replace(code), this.#editor.focus(), this.#context.announce(said)) } }, "Put it into the editor");
    return h(
      "section",
      { class: "help", "aria-labelledby": "help-title" },
      h("h2", { id: "help-title" }, "Help"),
      hints.map((hint, level) => h("details", {}, h("summary", {}, levels[level]), built(hint))),
      h("details", {}, h("summary", {}, "The solution"), h("pre", { class: "code scrolls" }, solution), load(solution, "The solution is in the editor.")),
      h(
        "details",
        { class: "mistakes" },
        h("summary", {}, "Typical wrong answers"),
        h("p", {}, "Put one into the editor, run the tests, and see whether you would have found it. Undo brings your own code back."),
        h("ul", { class: "row" }, wrong.map(({ cause, code }) =>
          h("li", {}, h("button", { type: "button", class: "plain", on: { click: () => (this.#editor.replace(code), this.#editor.focus(), this.#context.announce(`${cause} is in the editor.`)) } }, cause)))),
      ),
    );
  }

  #own() {
    const section = h(
      "section",
      { class: "own", "aria-labelledby": "own-title" },
      h("h2", { id: "own-title" }, "Your own cases"),
      h("p", { class: "quiet" }, "Arguments of your choice. They run after the tests, and the result is compared with the reference's."),
    );
    new OwnCases(section, {
      example: this.#problem.example,
      cases: this.#cases,
      changed: (cases) => {
        if (cases === null) return;
        this.#cases = cases;
        this.#context.store.set(`cases/${this.#problem.number}`, cases);
        this.#listTests();
      },
    });
    return section;
  }

  #listTests() {
    const own = this.#cases.map((one, place) => [`case/${place}`, `your case ${place + 1}, of ${one.function}`]);
    this.#tests.show({ ...this.#problem.tests, ...Object.fromEntries(own) });
  }

  // --- what can be done -------------------------------------------------------------------------

  async run() {
    if (this.#running) return;
    const { python, announce, store } = this.#context;
    const dom = this.#dom;
    this.#running = true;
    this.#buttons();
    this.#tests.clear();
    this.#editor.mark([]);
    dom.finding.replaceChildren();
    dom.outputPlace.hidden = true;
    dom.output.textContent = "";
    const waits = python.state === "loading";
    this.#tests.summary = waits ? "Python is loading; the tests run as soon as it is there." : "Running…";
    announce(waits ? "Python is loading. The tests run as soon as it is there." : "Running the tests.");
    const run = { told: 0, passed: 0, reports: [], crashes: [], outcome: null };
    const args = { number: this.#problem.number, code: this.code, cases: this.#cases };
    store.set(`code/${this.#problem.number}`, args.code);
    try {
      await python.call(RUN, args, {
        tell: (event) => this.#told(event, run),
        output: (output) => this.#printed(output),
      });
      this.#ended(run);
    } catch (error) {
      const stopped = error instanceof Stopped;
      const line = stopped && error.line ? ` in line ${error.line}` : "";
      const words = stopped ? `Stopped${line}.` : `${error.message || error}`;
      if (line) this.#editor.mark([{ line: error.line, message: "Stop came here" }]);
      this.#tests.summary = words;
      announce(words);
    } finally {
      this.#running = false;
      this.#buttons();
    }
  }

  stop() {
    if (this.#running) this.#context.python.stop();
  }

  #told(event, run) {
    if (event.kind === "test") {
      this.#tests.tell(event);
      run.told += 1;
      run.passed += event.state === "passed";
      if (event.crash?.line) run.crashes.push(event.crash);
      this.#tests.summary = `Running: ${run.told} of ${this.#tests.size}`;
    } else if (event.kind === "report") {
      run.reports.push(event.report);
      if (event.report.crash?.line) run.crashes.push(event.report.crash);
    } else {
      run.outcome = event;
    }
  }

  #ended({ reports, crashes, outcome }) {
    const { announce } = this.#context;
    if (outcome.kind === "not loaded") {
      this.#tests.summary = outcome.message;
      this.#editor.mark([{ line: outcome.line, message: outcome.message }]);
      announce(outcome.message);
      return;
    }
    const wrong = reports.filter((report) => !report.ok);
    this.#dom.finding.replaceChildren(...wrong.map(finding));
    const lines = new Map(crashes.map(({ line, kind, message }) => [line, { line, message: `${kind}: ${message}` }]));
    this.#editor.mark([...lines.values()]);
    const ran = outcome.passed + outcome.failed;
    const counts = `${outcome.passed} of ${ran} passed`;
    const words = wrong.map((report) => report.summary).join("; ");
    this.#tests.summary = words ? h("span", {}, h("strong", {}, counts), ": ", h("a", { href: "#", on: { click: (event) => this.#toFinding(event) } }, words)) : h("strong", {}, outcome.failed ? counts : `All ${ran} passed`);
    announce(words ? `${counts}: ${words}` : outcome.failed ? counts : `All ${ran} passed.`);
    if (outcome.solved) this.#solved(this.#problem.number);
  }

  #toFinding(event) {
    event.preventDefault();
    const section = this.#dom.finding.firstElementChild;
    section.tabIndex = -1;
    section.focus({ preventScroll: true });
    section.scrollIntoView({ block: "start" });
  }

  #printed({ text, dropped }) {
    this.#dom.outputPlace.hidden = false;
    this.#dom.output.append(text);
    if (dropped) {
      this.#dom.dropped ??= h("span", { class: "quiet" });
      this.#dom.dropped.textContent = `\n… and ${dropped.toLocaleString("en")} characters more`;
      this.#dom.output.append(this.#dom.dropped);
    }
  }

  #buttons() {
    const { run, stop } = this.#dom;
    run.disabled = this.#running || this.#context.python.state === "failed";
    stop.disabled = !this.#running;
  }

  async #share() {
    const address = new URL(await fragment(this.#problem.number, this.code), location.href).href;
    let said = "A link to your code was copied";
    try {
      await navigator.clipboard.writeText(address);
    } catch {
      history.replaceState(null, "", address);
      said = "The link is in the address bar";
    }
    this.#dom.share.textContent = said;
    this.#context.announce(said);
    setTimeout(() => {
      this.#dom.share.textContent = "Copy a link";
    }, MARKED_MS);
  }

  #download() {
    const address = URL.createObjectURL(new Blob([this.code], { type: "text/x-python" }));
    h("a", { href: address, download: `${this.#problem.functions[0]}.py` }).click();
    setTimeout(() => URL.revokeObjectURL(address));
  }

  #startOver() {
    this.#editor.replace(this.#problem.starter);
    this.#editor.focus();
    this.#context.announce("The editor has the starter again. Undo brings your code back.");
  }

  #kept() {
    return this.#context.store.get(`code/${this.#problem.number}`);
  }
}
