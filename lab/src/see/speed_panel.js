import { h } from "../page/element.js";
import { shown } from "./numbers.js";
import { PythonButton } from "./python_button.js";

const MEDIANS = "practice.speed:medians";
const SIZES = {
  digit: { words: "a digit: x (1, 8, 8), W (8, 1, 3, 3)", C_in: 1, C_out: 8, H: 8, W: 8, k: 3 },
  layer: { words: "a small layer: x (8, 16, 16), W (8, 8, 3, 3)", C_in: 8, C_out: 8, H: 16, W: 16, k: 3 },
  picture: { words: "a picture: x (3, 64, 64), W (8, 3, 5, 5)", C_in: 3, C_out: 8, H: 64, W: 64, k: 5 },
};
const WAYS = { yours: "your code", reference: "the reference's loops", fast: "dxdw, the fast engine" };

/** The learner's code beside the reference and the fast engine: medians. */
export class SpeedPanel {
  #context;
  #size = h(
    "select",
    {},
    Object.entries(SIZES).map(([key, { words }]) => h("option", { value: key }, words)),
  );
  #rows = {};
  #button;
  #said = h("p", { class: "quiet", role: "status" });

  constructor(parent, context) {
    this.#context = context;
    const row = ([key, name]) => {
      const cells = {
        time: h("td", {}, "—"),
        ratio: h("td", {}, "—"),
        bar: h("span", { class: "bar-of-time" }),
      };
      this.#rows[key] = cells;
      return h(
        "tr",
        {},
        h("th", { scope: "row" }, name),
        cells.time,
        cells.ratio,
        h("td", { class: "bar-cell", "aria-hidden": "true" }, cells.bar),
      );
    };
    this.#button = new PythonButton(context.python, {
      name: "Measure",
      stop: "Stop measuring",
      work: () => this.#measure(),
      failed: (message) => this.#say(message),
    });
    parent.append(
      h(
        "section",
        { class: "speed", "aria-labelledby": "speed-title" },
        h("h2", { id: "speed-title" }, "How fast is it?"),
        h("label", { class: "field-row" }, h("span", {}, "For "), this.#size),
        this.#button.element,
        h(
          "table",
          { class: "speeds" },
          h("caption", { class: "spoken" }, "Median time of a call"),
          h(
            "thead",
            {},
            h(
              "tr",
              {},
              h("td", {}),
              h("th", { scope: "col" }, "median"),
              h("th", { scope: "col" }, "times as fast"),
              h("td", { class: "bar-cell" }),
            ),
          ),
          h("tbody", {}, Object.entries(WAYS).map(row)),
        ),
        this.#said,
      ),
    );
  }

  destroy() {
    this.#button.destroy();
  }

  async #measure() {
    const { words, ...sizes } = SIZES[this.#size.value];
    this.#said.textContent = "Measuring…";
    const found = await this.#context.python.call(MEDIANS, { code: this.#context.code(), ...sizes });
    const slowest = Math.max(...Object.keys(WAYS).map((way) => found[way] ?? 0));
    for (const [way, { time, ratio, bar }] of Object.entries(this.#rows)) {
      const seconds = found[way];
      time.textContent = seconds === null ? "—" : duration(seconds);
      ratio.textContent = seconds === null ? "—" : times(found.reference / seconds);
      bar.style.width = seconds === null ? "0" : `${Math.max(1, (100 * seconds) / slowest)}%`;
    }
    const line = found.error?.line ? ` (line ${found.error.line})` : "";
    this.#say(
      found.error ? `Your code: ${found.error.message}${line}` : `The fast engine here: ${found.engine}.`,
    );
  }

  #say(words) {
    this.#said.textContent = words;
  }
}

function duration(seconds) {
  if (seconds < 1e-3) return `${shown(seconds * 1e6, 3)} µs`;
  return seconds < 1 ? `${shown(seconds * 1e3, 3)} ms` : `${shown(seconds, 3)} s`;
}

const times = (ratio) => `${shown(ratio, ratio < 10 ? 2 : 3)} ×`;
