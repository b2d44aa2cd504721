import { h } from "./element.js";
import { shown } from "./finding.js";

/** A nested list as text, one row of numbers a line. */
function written(value, indent = "") {
  if (!Array.isArray(value) || !value.some(Array.isArray)) return JSON.stringify(value).replaceAll(",", ", ");
  const inner = `${indent} `;
  return `[${value.map((part) => written(part, inner)).join(`,\n${inner}`)}]`;
}

const KEPT = (number) => `case-results/${number}`;

/**
 * Cases of the learner's own: arguments that can be edited, compared with the reference when the
 * tests run. `changed` is told all cases, each as it was last when it could be read.
 *
 * What came of each stays with it, also over a new visit, until its arguments are others; where the
 * code is another by now, it says so.
 */
export class OwnCases {
  #example;
  #cases;
  #changed;
  #store;
  #key;
  #results; // of each case { code, event }, or null
  #code = "";
  #list = h("div", { class: "cases" });

  constructor(parent, { example, cases, changed, store, number }) {
    this.#example = example;
    this.#cases = cases;
    this.#changed = changed;
    this.#store = store;
    this.#key = KEPT(number);
    this.#results = cases.map((_, place) => store.get(this.#key, [])[place] ?? null);
    const adders = Object.keys(example).map((name) =>
      h(
        "button",
        { type: "button", on: { click: () => this.#add(name) } },
        Object.keys(example).length > 1 ? `Add a case of ${name}` : "Add a case",
      ),
    );
    parent.append(this.#list, h("p", { class: "row" }, adders));
    this.#show();
  }

  /** How many are right, and of how many known; words for a tab. */
  get count() {
    const known = this.#results.filter(Boolean);
    if (!this.#cases.length) return "";
    const passed = known.filter(({ event }) => event.state === "passed").length;
    return known.length ? `${passed}/${this.#cases.length}` : String(this.#cases.length);
  }

  /** What a run found of the cases that it was given. */
  tell(trial) {
    for (const [place, one] of trial.cases.entries()) {
      const event = trial.states.get(`case/${place}`);
      const same = JSON.stringify(one) === JSON.stringify(this.#cases[place]);
      if (event && same) this.#results[place] = { code: trial.code, event };
    }
    this.#keep();
  }

  /** The code as it is now: what was found with another is marked. */
  set code(text) {
    this.#code = text;
    this.#showResults();
  }

  #keep() {
    this.#store.set(this.#key, this.#results);
    this.#showResults();
  }

  #showResults() {
    for (const [place, form] of [...this.#list.children].entries()) {
      const found = this.#results[place];
      const part = form.querySelector(".case-result");
      part.dataset.state = found?.event.state ?? "not run";
      part.replaceChildren(...(found ? this.#result(found) : ["Not run yet: it runs with the tests."]));
    }
  }

  #result({ code, event }) {
    const old = code === this.#code ? "" : " (before you changed your code)";
    return [
      h("p", {}, h("strong", { class: "state" }, event.state), old, event.detail ? `: ${event.detail}` : ""),
      ...shown(event),
    ];
  }

  #add(name) {
    this.#cases.push({ function: name, arguments: structuredClone(this.#example[name]) });
    this.#results.push(null);
    this.#show();
    this.#changed(this.#cases);
    this.#list.lastElementChild.querySelector("textarea").focus();
  }

  #remove(place) {
    this.#cases.splice(place, 1);
    this.#results.splice(place, 1);
    this.#keep();
    this.#show();
    this.#changed(this.#cases);
    (this.#list.children[Math.min(place, this.#cases.length - 1)] ?? this.#list.parentElement)
      .querySelector("button")
      ?.focus();
  }

  #show() {
    this.#list.replaceChildren(...this.#cases.map((one, place) => this.#form(one, place)));
    this.#showResults();
  }

  #form(one, place) {
    const fields = Object.entries(one.arguments).map(([name, value]) => this.#field(one, place, name, value));
    return h(
      "fieldset",
      { class: "case" },
      h("legend", {}, `Case ${place + 1} of ${one.function}`),
      fields,
      h("div", { class: "case-result" }),
      h(
        "button",
        { type: "button", class: "plain", on: { click: () => this.#remove(place) } },
        `Remove case ${place + 1}`,
      ),
    );
  }

  #field(one, place, name, value) {
    const id = `case-${place}-${name}`;
    const text = written(value);
    const problem = h("p", { class: "detail", id: `${id}-problem` });
    const area = h("textarea", {
      id,
      rows: String(Math.min(8, text.split("\n").length)),
      spellcheck: "false",
      "aria-describedby": problem.id,
      on: {
        input: () => {
          const { value: read, error } = parsed(area.value, Array.isArray(value));
          problem.textContent = error ?? "";
          area.setAttribute("aria-invalid", String(Boolean(error)));
          if (error) return;
          one.arguments[name] = read;
          this.#results[place] = null;
          this.#keep();
          this.#changed(this.#cases);
        },
      },
    });
    area.value = text;
    return h("div", { class: "field" }, h("label", { for: id }, name), area, problem);
  }
}

function parsed(text, array) {
  try {
    const value = JSON.parse(text);
    if (Array.isArray(value) === array && (array || Number.isFinite(value))) return { value };
  } catch {
    // Said below, as for every other thing that is neither.
  }
  return { error: array ? "nested lists of numbers, as in [[1, 2], [3, 4]]" : "a number" };
}
