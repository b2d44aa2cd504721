import { h } from "../page/element.js";
import { Choice } from "./choice.js";
import { Differences } from "./differences.js";
import { powerOfTen, scientific, shown } from "./numbers.js";
import { key, Plot } from "./plot.js";
import { element } from "./routing.js";

const [SMALLEST, LARGEST] = [-14, 1]; // powers of ten, of the step
const [BEST, WORST] = [-17, 3]; // of the error
const TOLERANCE = 1e-3; // the tests' own
const EXACT = 10 ** BEST; // an error of nothing at all has no logarithm

/** The error of finite differences over their step, on the numbers of the grids. */
export class DifferencesPanel {
  #arrays = null;
  #curves = {};
  #plot = new Plot();
  #precision = new Choice("Computed in", { float64: "float64", float32: "float32" }, "float64", () =>
    this.#renew(),
  );
  #loss = new Choice(
    "The loss is",
    { linear: "linear: Σ G·out", curved: "curved: Σ G·exp(out/s)" },
    "linear",
    () => this.#show(),
  );
  #slider = h("input", {
    type: "range",
    min: String(SMALLEST),
    max: String(LARGEST),
    step: "0.5",
    value: "-5",
    "aria-label": "Step ε",
  });
  #step = h("output", { class: "step" });
  #words = h("p", { class: "verdict" });
  #timer = 0;

  constructor(parent) {
    this.#slider.addEventListener("input", () => this.#show());
    this.#plot.axes(
      { label: "step ε", least: SMALLEST, most: LARGEST, ticks: powers(SMALLEST, LARGEST, 3) },
      { least: BEST, most: WORST, ticks: powers(-15, WORST, 3) },
    );
    parent.append(
      h(
        "section",
        { class: "differences", "aria-labelledby": "differences-title" },
        h("h2", { id: "differences-title" }, "How good is a finite difference?"),
        h(
          "p",
          { class: "quiet" },
          "The tests compare dx and dW with (L(x + ε) − L(x − ε)) / 2ε. Here it is taken of every element of x and W above; the error is that of the worst.",
        ),
        h("div", { class: "choices" }, this.#loss.element, this.#precision.element),
        h("div", { class: "slider" }, h("span", { "aria-hidden": "true" }, "ε"), this.#slider, this.#step),
        this.#words,
        h("p", { class: "quiet axis" }, "error, at the worst element"),
        this.#plot.element,
        key([
          ["linear", "linear loss"],
          ["curved", "curved loss"],
          ["tolerance", "what the tests allow: 10⁻³"],
        ]),
      ),
    );
  }

  /** The numbers to take differences of. */
  show(arrays) {
    this.#arrays = arrays;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#renew());
  }

  destroy() {
    clearTimeout(this.#timer);
    this.#plot.destroy();
  }

  #renew() {
    for (const loss of ["linear", "curved"]) {
      const differences = new Differences(loss, this.#precision.value, this.#arrays);
      const points = [];
      for (let power = SMALLEST; power <= LARGEST; power += 0.5)
        points.push([power, level(differences.at(10 ** power).error)]);
      this.#curves[loss] = { differences, points };
    }
    this.#show();
  }

  #show() {
    const power = Number(this.#slider.value);
    const loss = this.#loss.value;
    const worst = this.#curves[loss].differences.at(10 ** power);
    const words = Number.isInteger(power) ? powerOfTen(power) : scientific(10 ** power);
    const passes = worst.error <= TOLERANCE;
    this.#step.textContent = words;
    this.#slider.setAttribute("aria-valuetext", words);
    this.#words.replaceChildren(
      h("strong", {}, `error ${worst.error === 0 ? "0, exactly" : scientific(worst.error)}`),
      `, at ${element(worst.array, worst.index)}: the difference is ${shown(worst.difference, 8)}, the gradient ${shown(worst.exact, 8)}. `,
      passes ? "Right code passes the tests with it." : "With it, right code fails the tests.",
    );
    this.#plot.draw([
      { kind: "tolerance", y: Math.log10(TOLERANCE) },
      ...["linear", "curved"].map((name) => ({
        kind: `curve ${name}${name === loss ? " chosen" : ""}`,
        points: this.#curves[name].points,
      })),
      { kind: "here", points: [[power, level(worst.error)]], dots: true },
    ]);
    this.#plot.describe(
      `The error of the difference over the step, in ${this.#precision.value}: ${this.#summary()}`,
    );
  }

  /** Of both curves the step with the least error, in words. */
  #summary() {
    return Object.entries(this.#curves)
      .map(([name, { points }]) => {
        const [power, error] = points.reduce((best, point) => (point[1] < best[1] ? point : best));
        const largest = points.at(-1)[1];
        return `on the ${name} loss least at ε = ${scientific(10 ** power)}, with ${scientific(10 ** error)}, and ${scientific(10 ** largest)} at ε = 10`;
      })
      .join("; ");
  }
}

const level = (error) => Math.log10(Math.max(error, EXACT));

function powers(least, most, by) {
  const found = [];
  for (let power = Math.ceil(least / by) * by; power <= most; power += by)
    found.push([power, powerOfTen(power)]);
  return found;
}
