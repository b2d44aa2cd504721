import { h } from "../page/element.js";

/**
 * A button that has Python do something, and ends it when it is pressed again.
 *
 * Before Python has loaded it says so, and can't be pressed. `work()` gives a promise; what it rejects
 * with goes to `failed(message)`.
 */
export class PythonButton {
  #python;
  #options;
  #running = false;
  #unwatch;
  #button;
  #words = h("span", { class: "quiet" }, "Python is loading");

  constructor(python, { name, stop, work, failed }) {
    this.#python = python;
    this.#options = { name, stop, work, failed };
    this.#button = h("button", { type: "button", disabled: true, on: { click: () => this.press() } }, name);
    this.element = h("p", { class: "row python-button" }, this.#button, this.#words);
    this.#unwatch = python.watch((state) => this.#show(state));
    this.#show(python.state);
  }

  destroy() {
    this.#unwatch();
  }

  #show(state) {
    this.#button.disabled = state === "failed" || (state === "loading" && !this.#running);
    this.#words.textContent =
      { loading: "Python is loading", failed: "Python could not be started" }[state] ?? "";
  }

  get running() {
    return this.#running;
  }

  async press() {
    const { name, stop, work, failed } = this.#options;
    if (this.#running) {
      this.#python.stop();
      return;
    }
    this.#running = true;
    this.#button.textContent = stop;
    try {
      await work();
    } catch (error) {
      failed(error.message || String(error));
    } finally {
      this.#running = false;
      this.#button.textContent = name;
    }
  }
}
