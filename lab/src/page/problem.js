import { pictures } from "../see/index.js";
import { OwnCases } from "./cases.js";
import { Editor } from "./editor.js";
import { h } from "./element.js";
import { help } from "./help.js";
import { BROUGHT, notice } from "./notice.js";
import { Output } from "./output.js";
import { whileLong } from "./patience.js";
import { focusableWhereScrolling } from "./scrolling.js";
import { fragment } from "./share.js";
import { statement } from "./statement.js";
import { Tabs } from "./tabs.js";
import { Toolbar } from "./toolbar.js";
import { Trial } from "./trial.js";
import { Verdict } from "./verdict.js";
import { pane, Workshop } from "./workshop.js";

const SAID_MS = 2500; // how long a button says what it has done
const WAITS = "Python is loading. The tests run as soon as it is there.";

/** One problem of the series: statement, picture, code and verdict, in one workshop. */
export class ProblemPage {
  #problem;
  #context;
  #workshop;
  #editor;
  #verdict;
  #cases;
  #ownCases;
  #results; // the tabs of the verdict's pane
  #reading; // those of the statement's
  #output = new Output();
  #notices = h("div", { class: "notices" });
  #toolbar;
  #views = [];
  #trial = null; // the latest run
  #running = false;
  #ends = [];

  /**
   * `context`: python, store, announce, `trials`, the latest by the problems' numbers, `solved(number)`, to
   * be told when it is, and `next(number)`.
   */
  constructor(main, problem, context) {
    this.#problem = problem;
    this.#context = context;
    this.#cases = context.store.get(`cases/${problem.number}`, []);
    this.#toolbar = new Toolbar({
      run: () => this.run(),
      stop: () => this.stop(),
      share: () => this.#share(),
      download: () => this.#download(),
      startOver: () => this.#put(this.#problem.starter, "The editor has the starter again."),
    });
    const home = h("div", { class: "code-head" }, this.#toolbar.text);
    const panes = {
      statement: this.#statement(),
      code: this.#code(home),
      picture: this.#picture(),
      verdict: this.#verdictPane(),
    };
    // On a small screen the title that is seen may be in another pane than the one that is looked at.
    main.replaceChildren(h("h1", { class: "spoken" }, `${problem.number} ${problem.title}`));
    this.#workshop = new Workshop(main, panes, {
      store: context.store,
      buttons: this.#toolbar.running,
      home,
      ran: this.#ranBefore,
    });
    if (this.#ranBefore) this.#restore(context.trials.get(problem.number));
    this.#changed(this.code);
    this.#buttons();
    const scrolling = focusableWhereScrolling(main);
    this.#ends = [
      context.python.watch(() => this.#buttons()),
      () => scrolling.disconnect(),
      () => this.#workshop.destroy(),
    ];
  }

  get code() {
    return this.#editor.text;
  }

  /** Code that a link brought: into the editor, unless the learner's own would have to go. */
  offer(code) {
    if (code === this.code) return;
    this.#workshop.show("code");
    if (this.code === this.#problem.starter) {
      this.#editor.replace(code);
    } else {
      const take = () => this.#put(code, "The code of the link is in the editor.");
      this.#notices.replaceChildren(notice({ take, keep: () => this.#editor.focus() }));
    }
    this.#context.announce(BROUGHT);
  }

  /** To where code is written. */
  toEditor() {
    this.#workshop.show("code");
    this.#editor.focus();
  }

  /** Another page takes its place: what is to be kept of it is in the store. */
  leave() {
    this.stop();
    for (const end of this.#ends) end();
    for (const view of this.#views) view.destroy();
    this.#editor.destroy();
  }

  // --- the panes ------------------------------------------------------------------------------

  #statement() {
    const { task, examples } = statement(this.#problem);
    this.#reading = new Tabs("The problem", [
      { id: "statement", title: "Problem", content: task },
      { id: "examples", title: "Examples", content: examples },
      {
        id: "help",
        title: "Hints and solution",
        content: help(this.#problem, (code, said) => this.#put(code, said)),
      },
    ]);
    return pane("statement-pane", "The problem", [this.#reading.list], this.#reading.panels);
  }

  #picture() {
    const { python, announce, store } = this.#context;
    const context = {
      python,
      announce,
      store,
      code: () => this.code,
      step: (line) => this.#editor?.step(line),
    };
    const panels = pictures(this.#problem).map(({ id, title, make }) => {
      const content = h("div", { class: "picture" });
      this.#views.push(make(content, context));
      return { id, title, content };
    });
    const tabs = new Tabs("The picture", panels);
    return pane("picture-pane", "The picture", [tabs.list], tabs.panels);
  }

  #code(home) {
    const place = h("div", { class: "editor", id: "editor" });
    const text = this.#context.store.get(this.#key) ?? this.#problem.starter;
    this.#editor = new Editor(place, text, {
      describedBy: "editor-keys",
      changed: (text) => this.#changed(text),
      run: () => this.run(),
    });
    const key = (name) => h("kbd", {}, name);
    const keys = [key("Ctrl"), "+", key("Enter"), " runs the tests, ", key("Esc"), " stops them; "];
    const leave = [key("Esc"), " and then ", key("Tab"), " leaves the editor."];
    return pane(
      "code-pane",
      "Your code",
      [home],
      this.#notices,
      place,
      h("p", { class: "quiet keys", id: "editor-keys" }, keys, leave),
    );
  }

  #verdictPane() {
    this.#verdict = new Verdict(this.#problem, {
      next: this.#context.next(this.#problem.number),
      before: this.#context.store.get("solved", []).includes(this.#problem.number),
      toLine: (line) => {
        this.#workshop.show("code");
        this.#editor.goTo(line);
      },
      see: this.#seeing(),
      hints: () => {
        this.#workshop.show("statement");
        this.#reading.show("help");
        this.#reading.focus();
      },
    });
    const own = h("div", { class: "own" });
    this.#results = new Tabs("What came of it", [
      { id: "verdict", title: "Verdict", content: this.#verdict.element },
      { id: "own", title: "Your own cases", content: own },
      { id: "printed", title: "Printed", content: this.#output.element },
    ]);
    own.append(
      h(
        "p",
        { class: "quiet" },
        "Arguments of your choice. They run after the tests, and are compared with the reference, dxdw's own solution.",
      ),
    );
    this.#ownCases = new OwnCases(own, {
      example: this.#problem.example,
      cases: this.#cases,
      store: this.#context.store,
      number: this.#problem.number,
      changed: (cases) => {
        this.#cases = cases;
        this.#context.store.set(`cases/${this.#problem.number}`, cases);
        this.#badges();
      },
    });
    this.#badges();
    return pane(
      "verdict-pane",
      "The verdict",
      [this.#results.list],
      this.#verdict.head,
      this.#results.panels,
    );
  }

  /** How a case is shown in the picture, where a picture takes it. */
  #seeing() {
    const taking = (evidence) => this.#views.find((view) => view.takes?.(evidence));
    return {
      takes: (evidence) => Boolean(taking(evidence)),
      show: (evidence) => {
        this.#workshop.show("picture");
        taking(evidence).see(evidence);
      },
    };
  }

  #badges() {
    this.#results.badge("own", this.#ownCases?.count ?? "");
  }

  #changed(text) {
    this.#context.store.set(this.#key, text === this.#problem.starter ? null : text);
    this.#verdict.old = this.#trial !== null && this.#trial.code !== text;
    this.#ownCases.code = text;
    for (const view of this.#views) view.changed?.();
  }

  // --- a run --------------------------------------------------------------------------------------

  /** Run the tests, and show what comes of them; what is running is stopped first. */
  async run() {
    const { python } = this.#context;
    if (python.state === "failed") return;
    if (python.state === "running" || this.#running) python.stop();
    const trial = new Trial(this.#problem, this.code, this.#cases);
    this.#trial = trial;
    const latest = () => this.#trial === trial;
    this.#running = true;
    this.#buttons();
    this.#editor.mark([]);
    this.#editor.step(null);
    this.#output.clear();
    this.#verdict.begin(trial);
    this.#results.show("verdict");
    this.#workshop.show("verdict");
    this.#say(python.state === "loading" ? WAITS : "Running the tests");
    const end = whileLong(
      () => trial.running,
      (words, first) => {
        if (!latest() || python.state === "loading") return;
        this.#verdict.say(words);
        if (first) this.#context.announce(words);
      },
    );
    await trial.run(python, {
      told: () => latest() && this.#verdict.told(),
      output: (printed) => latest() && this.#print(printed),
    });
    end();
    if (!latest()) return; // another run has taken its place
    this.#running = false;
    this.#buttons();
    this.#ended(trial);
  }

  stop() {
    if (this.#running) this.#context.python.stop();
  }

  #print(printed) {
    this.#output.add(printed);
    this.#results.badge("printed", "•");
  }

  #ended(trial) {
    this.#context.store.set(this.#ran, true);
    this.#context.trials.set(this.#problem.number, trial);
    this.#workshop.ran();
    this.#editor.cursorIntoView();
    this.#verdict.show();
    this.#verdict.old = trial.code !== this.code;
    this.#ownCases.tell(trial);
    this.#badges();
    this.#editor.mark(trial.lines);
    if (trial.solved) this.#context.solved(this.#problem.number);
    const found = trial.told.map(({ summary }) => summary).join("; ");
    this.#context.announce(found ? `${this.#verdict.words}: ${found}` : this.#verdict.words);
    const evidence = trial.told.map((report) => report.evidence).filter(Boolean);
    for (const view of this.#views) view.ran?.(evidence);
  }

  get #ran() {
    return `ran/${this.#problem.number}`;
  }

  get #ranBefore() {
    return this.#context.store.get(this.#ran, false);
  }

  /** What the latest run of an earlier visit found, as far as it is known. */
  #restore(trial) {
    if (!trial) return;
    this.#trial = trial;
    this.#verdict.restore(trial);
    if (trial.code === this.code) this.#editor.mark(trial.lines);
  }

  #say(words) {
    this.#verdict.say(words);
    this.#context.announce(words);
  }

  #buttons() {
    const runnable = this.#context.python.state !== "failed";
    this.#toolbar.show({ runnable, stoppable: this.#running });
  }

  // --- the code as a text -------------------------------------------------------------------------

  get #key() {
    return `code/${this.#problem.number}`;
  }

  #put(code, said) {
    this.#editor.replace(code);
    this.toEditor();
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
