import { h } from "./element.js";
import { shown } from "./finding.js";

const OWN = "test/";

/**
 * The list of tests: each an item whose text begins with its state, "not run", "running", "passed"
 * or "failed".
 */
export class TestList {
  #items = new Map();
  #list = h("ol", { class: "tests", "aria-label": "Tests" });
  #summary = h("p", { class: "summary" });

  constructor(parent) {
    parent.append(this.#summary, this.#list);
  }

  /** The tests by their ids, none of them run yet. */
  show(tests) {
    this.#items.clear();
    let group = "";
    for (const [id, name] of Object.entries(tests)) {
      const begins = id.startsWith(OWN) ? "own" : id.split("/")[0];
      const item = h("li", {
        class:
          begins === group
            ? null
            : `begins begins-${begins === "own" ? "own" : begins === "case" ? "case" : "checker"}`,
      });
      group = begins;
      this.#items.set(id, { item, name });
      this.#write(id, { state: "not run", detail: "" });
    }
    this.#list.replaceChildren(...Array.from(this.#items.values(), ({ item }) => item));
    this.summary = `${this.#items.size} tests`;
  }

  get summary() {
    return this.#summary.textContent;
  }

  /** Words, or elements, about all of them. */
  set summary(words) {
    this.#summary.replaceChildren(...[words].flat());
  }

  get size() {
    return this.#items.size;
  }

  /** Of a test that ran: its state, its time, and what there is to show of a failure. */
  tell(event) {
    this.#write(event.id, event);
  }

  #write(id, event) {
    const { item, name } = this.#items.get(id);
    item.dataset.state = event.state;
    const time =
      event.seconds === undefined || event.state === "not run" ? null : milliseconds(event.seconds);
    const parts = [
      h("span", { class: "state" }, event.state),
      " ",
      h("span", { class: "name" }, name),
      time && h("span", { class: "time" }, ` ${time}`),
    ];
    if (event.detail) parts.push(h("p", { class: "detail" }, event.detail));
    const more = event.state === "failed" ? shown(event) : [];
    if (more.length) parts.push(h("details", {}, h("summary", {}, "Show the arrays"), more));
    item.replaceChildren(...parts.filter(Boolean));
  }
}

function milliseconds(seconds) {
  const value = seconds * 1000;
  return value < 1 ? "< 1 ms" : `${Math.round(value)} ms`;
}
