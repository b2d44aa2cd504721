import { h } from "../page/element.js";

let made = 0;

/** Radio buttons of one name: `options` are `{ value: words }`. */
export class Choice {
  #inputs = [];

  constructor(legend, options, value, changed) {
    const name = `choice-${++made}`;
    const option = ([key, words]) => {
      const input = h("input", { type: "radio", name, value: key });
      input.checked = key === value;
      input.addEventListener("change", () => changed(this.value));
      this.#inputs.push(input);
      return h("label", {}, input, h("span", {}, words));
    };
    this.element = h(
      "fieldset",
      { class: "choice" },
      h("legend", {}, legend),
      Object.entries(options).map(option),
    );
  }

  get value() {
    return this.#inputs.find(({ checked }) => checked).value;
  }
}
