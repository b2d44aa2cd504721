import { h } from "../page/element.js";
import { shown } from "../see/numbers.js";

/** The kernels of the first convolution, as tables shaded by their size, hatched where negative. */
export class Kernels {
  #place = h("div", { class: "kernels" }, h("p", { class: "quiet" }, "They come as it trains."));
  #cells = null;

  constructor(parent) {
    parent.append(h("h3", {}, "The kernels of the first convolution"), this.#place);
  }

  show(kernels) {
    if (this.#cells?.length !== kernels.flat(2).length) this.#build(kernels);
    kernels.flat(2).forEach((value, place) => {
      const cell = this.#cells[place];
      cell.textContent = shown(Number(Number(value).toFixed(1)));
      cell.style.setProperty("--share", `${Math.min(35, Math.round(25 * Math.abs(value)))}%`);
      cell.dataset.sign = value < 0 ? "minus" : "plus";
    });
  }

  #build(kernels) {
    this.#cells = [];
    const cell = () => {
      this.#cells.push(h("td", {}));
      return this.#cells.at(-1);
    };
    const table = (kernel, number) =>
      h(
        "table",
        {},
        h("caption", {}, `W[${number},0]`),
        h(
          "tbody",
          {},
          kernel.map((row) => h("tr", {}, row.map(cell))),
        ),
      );
    this.#place.replaceChildren(...kernels.map(table));
  }
}
