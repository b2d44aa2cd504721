import { h } from "../page/element.js";
import { shown } from "../see/numbers.js";
import { key, Plot, svg } from "../see/plot.js";

const KEPT = 4; // each with a line of its own kind
const MOST_LOSS = 3;
const GUESSING = Math.log(10);
const MEMORY = 0.85; // of the running mean

/** The losses of the latest trainings, drawn as they come, and a table of them. */
export class Runs {
  #plot = new Plot(280);
  #rows = h("tbody", {});
  #runs = [];

  constructor(parent) {
    this.#axes(135);
    parent.append(
      h("h3", {}, "How it learns"),
      h("p", { class: "quiet axis" }, "the loss (cross-entropy), as the mean of recent batches"),
      this.#plot.element,
      key([["tolerance", "guessing: 2.3"]]),
      h(
        "div",
        { class: "table-of-runs" },
        h(
          "table",
          { class: "speeds" },
          h("caption", { class: "spoken" }, "Trainings"),
          h(
            "thead",
            {},
            h(
              "tr",
              {},
              ["training", "loss", "held-out digits read right, after each of 3 rounds"].map((name) =>
                h("th", { scope: "col" }, name),
              ),
            ),
          ),
          this.#rows,
        ),
      ),
    );
    this.#show();
  }

  /** A new training, of so many batches. */
  begin(name, batches) {
    const used = this.#runs.map(({ kind }) => kind);
    const kind =
      Array.from({ length: KEPT }, (_, k) => k).find((k) => !used.includes(k)) ?? this.#runs[0].kind;
    this.#runs = this.#runs.filter((run) => run.kind !== kind);
    const cells = { loss: h("td", {}, "—"), accuracy: h("td", {}, "—") };
    const sample = svg(
      "svg",
      { class: "sample", "aria-hidden": "true" },
      svg("line", { class: `run-${kind}`, x1: 0, x2: 28, y1: 2, y2: 2 }),
    );
    const row = h("tr", {}, h("th", { scope: "row" }, sample, name), cells.loss, cells.accuracy);
    this.#runs.push({ kind, losses: [], mean: null, points: [], cells, row });
    this.#rows.replaceChildren(...this.#runs.map((run) => run.row));
    this.#axes(batches);
    this.#show();
  }

  /** What a slice of the present training gave. */
  add(losses, accuracies) {
    const run = this.#runs.at(-1);
    for (const loss of losses) {
      run.mean = run.mean === null ? loss : MEMORY * run.mean + (1 - MEMORY) * loss;
      run.points.push([run.points.length + 1, run.mean]);
    }
    if (run.mean !== null) run.cells.loss.textContent = shown(run.mean, 3);
    if (accuracies.length) run.cells.accuracy.textContent = accuracies.map(percent).join(", ");
    this.#show();
  }

  #axes(batches) {
    const step = Math.ceil(batches / 6 / 5) * 5;
    const ticks = Array.from({ length: Math.floor(batches / step) + 1 }, (_, k) => [
      k * step,
      String(k * step),
    ]);
    const losses = [0, 1, 2, 3].map((loss) => [loss, String(loss)]);
    this.#plot.axes(
      { label: "batches of 32 digits", least: 0, most: batches, ticks },
      { least: 0, most: MOST_LOSS, ticks: losses },
    );
  }

  #show() {
    this.#plot.draw([
      { kind: "tolerance", y: GUESSING },
      ...this.#runs
        .filter(({ points }) => points.length)
        .map(({ kind, points }) => ({ kind: `run-${kind}`, points })),
    ]);
    const last = this.#runs.at(-1);
    const said = last?.mean
      ? `The latest training: ${last.points.length} batches, loss ${shown(last.mean, 3)}.`
      : "Nothing is trained yet.";
    this.#plot.describe(
      `The loss over the batches of each training; the dotted line at 2.3 is guessing. ${said}`,
    );
  }
}

export const percent = (share) => `${Math.round(1000 * share) / 10} %`;
