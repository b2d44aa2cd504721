import { glyph, h } from "../page/element.js";
import { svg } from "../see/plot.js";
import { InkGrid } from "./ink_grid.js";
import { percent } from "./runs.js";

const TRAINING = "practice.training";
const SIZE = 240;
const PEN = 18;
const PAUSE_MS = 120;

/** Draw a digit with mouse, finger or keys, and see what the network takes it for. */
export class Pad {
  #context;
  #pad = svg("svg", {
    class: "pad",
    viewBox: `0 0 ${SIZE} ${SIZE}`,
    role: "img",
    "aria-label": "Drawing pad, for mouse, pen or finger",
  });
  #ink = new InkGrid(() => this.#typed());
  #strokes = [];
  #image = null; // what is to be read, where it is no drawing
  #rows;
  #words = h("p", { class: "verdict" }, "There is no network yet: train one.");
  #enabled = false;
  #timer = 0;
  #held = Math.floor(Math.random() * 360);
  #label = null;

  constructor(parent, context) {
    this.#context = context;
    this.#rows = Array.from({ length: 10 }, (_, digit) => {
      const cells = { share: h("td", {}, "—"), bar: h("span", { class: "bar-of-time" }), sign: glyph("") };
      cells.row = h(
        "tr",
        {},
        h("th", { scope: "row" }, cells.sign, String(digit)),
        cells.share,
        h("td", { class: "bar-cell", "aria-hidden": "true" }, cells.bar),
      );
      return cells;
    });
    const button = (words, press) => h("button", { type: "button", on: { click: press } }, words);
    parent.append(
      h(
        "p",
        { class: "quiet", id: "ink-keys" },
        "Draw a digit on the pad, as large as you like. Or come to the small grid by Tab, walk by the arrow keys, and put ink by Space: once for half of it, twice for full, three times for none.",
      ),
      h("div", { class: "drawing" }, this.#pad, this.#ink.element),
      h(
        "p",
        { class: "row" },
        button("Clear", () => this.#clear()),
        button("A held-out digit", () => this.#heldOut()),
      ),
      this.#words,
      h(
        "table",
        { class: "speeds probabilities" },
        h("caption", { class: "spoken" }, "Probabilities of the digits"),
        h(
          "thead",
          {},
          h(
            "tr",
            {},
            h("th", { scope: "col" }, "digit"),
            h("th", { scope: "col" }, "probability"),
            h("td", { class: "bar-cell" }),
          ),
        ),
        h(
          "tbody",
          {},
          this.#rows.map(({ row }) => row),
        ),
      ),
    );
    this.#pad.addEventListener("pointerdown", (event) => this.#begin(event));
    this.#pad.addEventListener("pointermove", (event) => this.#go(event));
  }

  /** There is a network. */
  enable() {
    this.#enabled = true;
    if (!this.#strokes.length && !this.#image) this.#words.textContent = "Draw a digit.";
  }

  /** There is none any more: Python was started anew. */
  disable() {
    if (!this.#enabled) return;
    this.#enabled = false;
    this.#words.textContent = "Python was started again, and the network is gone: train one more.";
  }

  /** Have what is there read again, a moment after the last change. */
  read() {
    if (!this.#enabled || (!this.#strokes.length && !this.#image)) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#read(), PAUSE_MS);
  }

  async #read() {
    const { python } = this.#context;
    try {
      if (this.#image) {
        this.#tell(await python.call(`${TRAINING}:read_image`, { image: this.#image }));
      } else {
        const { image, probabilities } = await python.call(`${TRAINING}:read_strokes`, {
          strokes: this.#strokes,
        });
        this.#ink.show(image);
        this.#tell(probabilities);
      }
    } catch (error) {
      this.#words.textContent = error.message;
    }
  }

  #tell(probabilities) {
    const shares = probabilities.map(Number);
    const best = shares.indexOf(Math.max(...shares.filter((share) => share >= 0)));
    this.#rows.forEach(({ row, share, bar, sign }, digit) => {
      share.textContent = percent(shares[digit]);
      bar.style.width = `${100 * shares[digit]}%`;
      sign.textContent = digit === best ? "▸" : "";
      row.classList.toggle("best", digit === best);
    });
    const truth =
      this.#label === null ? "" : this.#label === best ? " It is one." : ` It is a ${this.#label}.`;
    const words =
      best < 0
        ? "The network gives no number any more."
        : `It reads a ${best}, with ${percent(shares[best])}.${truth}`;
    if (this.#words.textContent !== words) this.#context.announce(words);
    this.#words.textContent = words;
  }

  #typed() {
    this.#strokes = [];
    this.#label = null;
    this.#image = this.#ink.image;
    this.#draw();
    this.read();
  }

  #clear() {
    this.#strokes = [];
    this.#image = null;
    this.#label = null;
    this.#ink.show(Array.from({ length: 8 }, () => new Array(8).fill(0)));
    this.#draw();
    this.#words.textContent = this.#enabled ? "Draw a digit." : "There is no network yet: train one.";
  }

  async #heldOut() {
    this.#clear();
    await this.#context.python.ready;
    const { image, label } = await this.#context.python.call(`${TRAINING}:held_out_digit`, {
      number: this.#held++,
    });
    this.#ink.show(image);
    this.#image = image;
    this.#label = label;
    this.read();
  }

  #point(event) {
    const { left, top, width } = this.#pad.getBoundingClientRect();
    const at = (client, edge) => Math.round((10 * SIZE * (client - edge)) / width) / 10;
    return [at(event.clientX, left), at(event.clientY, top)];
  }

  #begin(event) {
    event.preventDefault();
    if (this.#image) this.#clear();
    this.#pad.setPointerCapture(event.pointerId);
    this.#strokes.push([this.#point(event)]);
    this.#draw();
    this.read();
  }

  #go(event) {
    if (!this.#pad.hasPointerCapture(event.pointerId)) return;
    this.#strokes.at(-1).push(this.#point(event));
    this.#draw();
    this.read();
  }

  #draw() {
    const lines = this.#strokes.map((points) => {
      const drawn = points.length > 1 ? points : [points[0], points[0]]; // a dot
      return svg("polyline", { points: drawn.join(" "), "stroke-width": PEN });
    });
    this.#pad.replaceChildren(...lines);
  }
}
