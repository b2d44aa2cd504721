import { h } from "../page/element.js";
import { shown } from "./numbers.js";

/**
 * Fields for a scene's options, as padding and stride: `[{ name, title, least, most, slider }]`, of a
 * number or a slider.
 */
export class OptionsForm {
  #fields = {};
  #state = null;

  /** `changed(state)` is told a state with another option. */
  constructor(options, changed) {
    const field = ({ name, title, least, most, slider = false }) => {
      const input = h("input", {
        type: slider ? "range" : "number",
        min: least,
        max: most,
        step: 1,
        inputmode: slider ? null : "numeric",
      });
      input.addEventListener(slider ? "input" : "change", () => {
        const value = Math.min(Math.max(Math.round(Number(input.value)) || least, least), most);
        input.value = String(value);
        changed({ ...this.#state, options: { ...this.#state.options, [name]: value } });
      });
      const value = slider ? h("output", { class: "option-value" }) : null;
      this.#fields[name] = { input, value };
      return h("label", {}, h("span", {}, title), input, value);
    };
    this.element = h("div", { class: "options" }, options.map(field));
  }

  show(state) {
    this.#state = state;
    for (const [name, { input, value }] of Object.entries(this.#fields)) {
      input.value = String(state.options[name]);
      if (value) value.textContent = shown(state.options[name]);
    }
  }
}
