import { h } from "./element.js";

/** A nested list as text, one row of numbers a line. */
function written(value, indent = "") {
  if (!Array.isArray(value) || !value.some(Array.isArray)) return JSON.stringify(value).replaceAll(",", ", ");
  const inner = `${indent} `;
  return `[${value.map((part) => written(part, inner)).join(`,\n${inner}`)}]`;
}

/**
 * Cases of the learner's own: arguments that can be edited, compared with the reference when the
 * tests run. `changed` is told all cases, each as it was last when it could be read.
 */
export class OwnCases {
  #example;
  #cases;
  #changed;
  #list = h("div", { class: "cases" });

  constructor(parent, { example, cases, changed }) {
    this.#example = example;
    this.#cases = cases;
    this.#changed = changed;
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

  #add(name) {
    this.#cases.push({ function: name, arguments: structuredClone(this.#example[name]) });
    this.#show();
    this.#changed(this.#cases);
    this.#list.lastElementChild.querySelector("textarea").focus();
  }

  #remove(place) {
    this.#cases.splice(place, 1);
    this.#show();
    this.#changed(this.#cases);
    (this.#list.children[Math.min(place, this.#cases.length - 1)] ?? this.#list.parentElement)
      .querySelector("button")
      ?.focus();
  }

  #show() {
    this.#list.replaceChildren(...this.#cases.map((one, place) => this.#form(one, place)));
  }

  #form(one, place) {
    const fields = Object.entries(one.arguments).map(([name, value]) => this.#field(one, place, name, value));
    return h(
      "fieldset",
      { class: "case" },
      h("legend", {}, `Case ${place + 1} of ${one.function}`),
      fields,
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
          if (!error) one.arguments[name] = read;
          if (!error) this.#changed(this.#cases);
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
