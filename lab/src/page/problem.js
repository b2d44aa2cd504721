import views from "dxdw:views";
import { Died, Stopped } from "../python/client.js";
import { OwnCases } from "./cases.js";
import { Editor } from "./editor.js";
import { built, h } from "./element.js";
import { finding } from "./finding.js";
import { help } from "./help.js";
import { BROUGHT, notice } from "./notice.js";
import { Output } from "./output.js";
import { focusableWhereScrolling } from "./scrolling.js";
import { fragment } from "./share.js";
import { TestList } from "./tests.js";
import { Toolbar } from "./toolbar.js";

const RUN = "practice.running:run";
const SAID_MS = 2500; // how long a button says what it has done
const WAITS = "Python is loading. The tests run as soon as it is there.";

/** One problem of the series: statement, pictures, editor, tests, and what is wrong. */
export class ProblemPage {
  #problem;
  #context;
  #editor;
  #tests;
  #cases;
  #output = new Output();
  #notices = h("div");
  #findings = h("div", { class: "findings" });
  #toolbar;
  #views = [];
  #running = false;
  #ends = [];

  /** `context`: python, store, announce, and `solved(number)`, to be told when it is. */
  constructor(main, problem, context) {
    this.#problem = problem;
    this.#context = context;
    this.#cases = context.store.get(`cases/${problem.number}`, []);
    main.replaceChildren(
      this.#statement(),
      ...this.#pictures(),
      this.#work(),
      this.#results(),
      this.#findings,
      help(problem, (code, said) => this.#put(code, said)),
      this.#own(),
    );
    this.#editor.open(context.store.get(this.#key) ?? problem.starter);
    this.#listTests();
    this.#buttons();
    const scrolling = focusableWhereScrolling(main);
    this.#ends = [context.python.watch(() => this.#buttons()), () => scrolling.disconnect()];
  }

  get code() {
    return this.#editor.text;
  }

  /** Code that a link brought: into the editor, unless the learner's own would have to go. */
  offer(code) {
    if (code === this.code) return;
    if (this.code === this.#problem.starter) {
      this.#editor.replace(code);
    } else {
      const take = () => this.#put(code, "The code of the link is in the editor.");
      this.#notices.replaceChildren(notice({ take, keep: () => this.#editor.focus() }));
    }
    this.#context.announce(BROUGHT);
  }

  /** To where code is written, and what is said of it. */
  toEditor() {
    this.#editor.focus();
    document.querySelector(".work").scrollIntoView({ block: "start" });
  }

  destroy() {
    this.stop();
    for (const end of this.#ends) end();
    for (const view of this.#views) view.destroy();
    this.#editor.destroy();
  }

  // --- what there is --------------------------------------------------------------------------

  #statement() {
    const { number, title, statement } = this.#problem;
    return h(
      "article",
      { class: "statement" },
      h(
        "p",
        { class: "number" },
        `Problem ${number} · `,
        h("a", { href: "#editor", on: { click: (event) => this.#linked(event) } }, "to your code"),
      ),
      h("h1", {}, title),
      built(statement),
    );
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
    const place = h("div", { class: "editor", id: "editor" });
    this.#editor = new Editor(place, {
      describedBy: "editor-keys",
      changed: (text) => this.#context.store.set(this.#key, text),
      run: () => this.run(),
    });
    this.#toolbar = new Toolbar({
      run: () => this.run(),
      stop: () => this.stop(),
      share: () => this.#share(),
      download: () => this.#download(),
      startOver: () => this.#put(this.#problem.starter, "The editor has the starter again."),
    });
    const key = (name) => h("kbd", {}, name);
    const keys = [key("Ctrl"), "+", key("Enter"), " runs the tests, ", key("Esc"), " stops them; "];
    const leave = [key("Esc"), " and then ", key("Tab"), " leaves the editor."];
    return h(
      "section",
      { class: "work", "aria-labelledby": "work-title" },
      h("h2", { id: "work-title" }, "Your code"),
      this.#notices,
      place,
      this.#toolbar.element,
      h("p", { class: "quiet keys", id: "editor-keys" }, keys, leave),
      this.#output.element,
    );
  }

  #results() {
    const title = h("h2", { id: "tests-title" }, "Tests");
    const section = h("section", { class: "results", "aria-labelledby": title.id }, title);
    this.#tests = new TestList(section);
    return section;
  }

  #own() {
    const title = h("h2", { id: "own-title" }, "Your own cases");
    const words = "Arguments of your choice. They run after the tests, and are compared with the reference.";
    const section = h(
      "section",
      { class: "own", "aria-labelledby": title.id },
      title,
      h("p", { class: "quiet" }, words),
    );
    new OwnCases(section, {
      example: this.#problem.example,
      cases: this.#cases,
      changed: (cases) => {
        this.#cases = cases;
        this.#context.store.set(`cases/${this.#problem.number}`, cases);
        this.#listTests();
      },
    });
    return section;
  }

  #listTests() {
    const own = this.#cases.map((one, place) => [`case/${place}`, `case ${place + 1} of ${one.function}`]);
    this.#tests.show({ ...this.#problem.tests, ...Object.fromEntries(own) });
  }

  // --- a run --------------------------------------------------------------------------------------

  /** Run the tests, and show what comes of them. */
  async run() {
    if (this.#running) return;
    const { python, announce } = this.#context;
    this.#running = true;
    this.#buttons();
    this.#listTests();
    this.#editor.mark([]);
    this.#findings.replaceChildren();
    this.#output.clear();
    this.#say(python.state === "loading" ? WAITS : "Running the tests.");
    const found = { told: 0, reports: [], crashes: [], outcome: null };
    const args = { number: this.#problem.number, code: this.code, cases: this.#cases };
    try {
      await python.call(RUN, args, {
        tell: (event) => this.#told(event, found),
        output: (printed) => this.#output.add(printed),
      });
      this.#ended(found);
    } catch (error) {
      this.#broken(error);
    } finally {
      this.#running = false;
      this.#buttons();
    }
    announce(this.#tests.summary);
  }

  stop() {
    if (this.#running) this.#context.python.stop();
  }

  #told(event, found) {
    if (event.kind === "test") {
      this.#tests.tell(event);
      found.told += 1;
      this.#tests.summary = `Running: ${found.told} of ${this.#tests.size}`;
      if (event.crash) found.crashes.push(event.crash);
    } else if (event.kind === "report") {
      found.reports.push(event.report);
      if (event.report.crash) found.crashes.push(event.report.crash);
    } else {
      found.outcome = event;
    }
  }

  #ended({ reports, crashes, outcome }) {
    if (outcome.kind === "not loaded") {
      this.#tests.summary = outcome.message;
      this.#editor.mark([outcome]);
      return;
    }
    const wrong = reports.filter((report) => !report.ok);
    this.#findings.replaceChildren(...wrong.map(finding));
    this.#editor.mark(crashes.map(({ line, kind, message }) => ({ line, message: `${kind}: ${message}` })));
    const ran = outcome.passed + outcome.failed;
    const counts = outcome.failed ? `${outcome.passed} of ${ran} passed` : `All ${ran} passed`;
    const words = wrong.map((report) => report.summary).join("; ");
    this.#tests.summary = words
      ? [
          h("strong", {}, counts),
          ": ",
          h("a", { href: "#", on: { click: (e) => this.#toFinding(e) } }, words),
        ]
      : h("strong", {}, counts);
    if (outcome.solved) this.#context.solved(this.#problem.number);
  }

  #broken(error) {
    if (error instanceof Stopped) {
      this.#tests.summary = error.line ? `Stopped in line ${error.line}` : "Stopped";
      this.#editor.mark([{ line: error.line, message: "stopped here" }]);
    } else if (error instanceof Died) {
      this.#tests.summary = `Python had to be started again: ${error.message}`;
    } else {
      this.#tests.summary = error.message;
    }
  }

  #say(words) {
    this.#tests.summary = words;
    this.#context.announce(words);
  }

  #linked(event) {
    event.preventDefault();
    this.toEditor();
  }

  #toFinding(event) {
    event.preventDefault();
    const section = this.#findings.firstElementChild;
    section.tabIndex = -1;
    section.focus({ preventScroll: true });
    section.scrollIntoView({ block: "start" });
  }

  #buttons() {
    const runnable = !this.#running && this.#context.python.state !== "failed";
    this.#toolbar.show({ runnable, stoppable: this.#running });
  }

  // --- the code as a text -------------------------------------------------------------------------

  get #key() {
    return `code/${this.#problem.number}`;
  }

  #put(code, said) {
    this.#editor.replace(code);
    this.#editor.focus();
    this.#context.announce(`${said} Undo takes it back.`);
  }

  async #share() {
    const address = new URL(await fragment(this.#problem.number, this.code), location.href).href;
    let said = "Copied";
    try {
      await navigator.clipboard.writeText(address);
    } catch {
      history.replaceState(null, "", address);
      said = "It is the address";
    }
    this.#toolbar.shared = said;
    this.#context.announce(said);
    setTimeout(() => {
      this.#toolbar.shared = "Copy a link";
    }, SAID_MS);
  }

  #download() {
    const address = URL.createObjectURL(new Blob([this.code], { type: "text/x-python" }));
    h("a", { href: address, download: `${this.#problem.functions[0]}.py` }).click();
    setTimeout(() => URL.revokeObjectURL(address));
  }
}
