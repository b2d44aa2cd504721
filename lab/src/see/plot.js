import { h } from "../page/element.js";

const SVG = "http://www.w3.org/2000/svg";

export const svg = (name, attributes = {}, ...children) => {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
};

/**
 * A plot of lines over two axes. What it shows is said in words too: `describe(text)`.
 *
 * An axis is `{ least, most, ticks: [[value, words], …] }`, the horizontal one with a `label`; values
 * are already as they are to be spaced, so that a logarithmic axis is one of logarithms.
 */
export class Plot {
  #width;
  #height;
  #inner = { left: 44, right: 12, top: 12, bottom: 40 };
  #axes = svg("g");
  #lines = svg("g");
  #x = null;
  #y = null;
  #drawn = [];
  #resized;

  /** As wide as its place, so that its letters have the size of others. */
  constructor(height = 260) {
    this.#height = height;
    this.element = svg("svg", { class: "plot", role: "img", height }, this.#axes, this.#lines);
    this.#width = 320;
    this.#resized = new ResizeObserver(([{ contentRect }]) => {
      if (contentRect.width < 1) return;
      this.#width = contentRect.width;
      this.#redraw();
    });
    this.#resized.observe(this.element);
  }

  destroy() {
    this.#resized.disconnect();
  }

  describe(text) {
    this.element.setAttribute("aria-label", text);
  }

  axes(x, y) {
    this.#x = x;
    this.#y = y;
    this.#redraw();
  }

  /**
   * What is drawn: lines, `{ kind, points: [[x, y], …] }`, or `dots` in place of them, and rules,
   * `{ kind, y }` or `{ kind, x }`. The kind is a class of the style sheet.
   */
  draw(lines) {
    this.#drawn = lines;
    const { left, right, top, bottom } = this.#inner;
    const rule = (x, y) =>
      x === undefined
        ? { x1: left, x2: this.#width - right, y1: this.#down(y), y2: this.#down(y) }
        : { x1: this.#across(x), x2: this.#across(x), y1: top, y2: this.#height - bottom };
    this.#lines.replaceChildren(
      ...lines.flatMap(({ kind, points, x, y, dots = false }) => {
        if (!points) return [svg("line", { class: kind, ...rule(x, y) })];
        const places = points.map(([a, b]) => [this.#across(a), this.#down(b)]);
        if (dots) return places.map(([cx, cy]) => svg("circle", { class: kind, cx, cy, r: 5 }));
        return [
          svg("polyline", {
            class: kind,
            points: places.map((place) => place.map((n) => n.toFixed(1)).join(",")).join(" "),
          }),
        ];
      }),
    );
  }

  #redraw() {
    if (!this.#x) return;
    const { left, right, top, bottom } = this.#inner;
    const [w, h] = [this.#width, this.#height];
    const parts = [];
    for (const [value, words] of this.#y.ticks) {
      const at = this.#down(value);
      parts.push(svg("line", { class: "grid-line", x1: left, x2: w - right, y1: at, y2: at }));
      parts.push(svg("text", { x: left - 6, y: at + 4, "text-anchor": "end" }, words));
    }
    for (const [value, words] of this.#x.ticks) {
      const at = this.#across(value);
      parts.push(svg("line", { class: "grid-line", x1: at, x2: at, y1: top, y2: h - bottom }));
      parts.push(svg("text", { x: at, y: h - bottom + 16, "text-anchor": "middle" }, words));
    }
    parts.push(svg("text", { x: (left + w - right) / 2, y: h - 4, "text-anchor": "middle" }, this.#x.label));
    this.#axes.replaceChildren(...parts);
    this.draw(this.#drawn);
  }

  #across(value) {
    const { left, right } = this.#inner;
    const { least, most } = this.#x;
    const share = Math.min(Math.max((value - least) / (most - least), 0), 1);
    return left + share * (this.#width - left - right);
  }

  #down(value) {
    const { top, bottom } = this.#inner;
    const { least, most } = this.#y;
    const share = Math.min(Math.max((value - least) / (most - least), 0), 1);
    return this.#height - bottom - share * (this.#height - top - bottom);
  }
}

/** What a kind of line means: `[[kind, words], …]`, for the eye. */
export function key(kinds) {
  const sample = (kind) =>
    svg("svg", { "aria-hidden": "true" }, svg("line", { class: kind, x1: 0, x2: 28, y1: 2, y2: 2 }));
  return h(
    "p",
    { class: "quiet key" },
    kinds.map(([kind, words]) => h("span", {}, sample(kind), words)),
  );
}
