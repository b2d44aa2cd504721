const SVG = "http://www.w3.org/2000/svg";

const svg = (name, attributes = {}, ...children) => {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
};

/**
 * A plot of lines over two axes. What it shows is said in words too: `describe(text)`.
 *
 * An axis is `{ label, least, most, ticks: [[value, words], …] }`; values are already as they are to
 * be spaced, so that a logarithmic axis is one of logarithms.
 */
export class Plot {
  #width;
  #height;
  #inner = { left: 52, right: 12, top: 12, bottom: 40 };
  #axes = svg("g", { class: "axes" });
  #lines = svg("g");
  #x = null;
  #y = null;

  constructor({ width = 560, height = 260 } = {}) {
    this.#width = width;
    this.#height = height;
    this.element = svg("svg", { class: "plot", role: "img", viewBox: `0 0 ${width} ${height}` }, this.#axes, this.#lines);
  }

  describe(text) {
    this.element.setAttribute("aria-label", text);
  }

  axes(x, y) {
    this.#x = x;
    this.#y = y;
    const { left, right, top, bottom } = this.#inner;
    const [w, h] = [this.#width, this.#height];
    const parts = [];
    for (const [value, words] of y.ticks) {
      const at = this.#down(value);
      parts.push(svg("line", { class: "grid-line", x1: left, x2: w - right, y1: at, y2: at }));
      parts.push(svg("text", { x: left - 6, y: at + 4, "text-anchor": "end" }, words));
    }
    for (const [value, words] of x.ticks) {
      const at = this.#across(value);
      parts.push(svg("line", { class: "grid-line", x1: at, x2: at, y1: top, y2: h - bottom }));
      parts.push(svg("text", { x: at, y: h - bottom + 16, "text-anchor": "middle" }, words));
    }
    parts.push(svg("text", { class: "axis-label", x: (left + w - right) / 2, y: h - 4, "text-anchor": "middle" }, x.label));
    parts.push(svg("text", { class: "axis-label", x: 4, y: top + 2, "dominant-baseline": "hanging" }, y.label));
    this.#axes.replaceChildren(...parts);
  }

  /**
   * What is drawn: `{ kind, points: [[x, y], …], label }`, and rules, `{ kind, y }` or `{ kind, x }`.
   * The kind is a class of the style sheet; a label stands at the line's last point.
   */
  draw(lines) {
    const { left, right, top, bottom } = this.#inner;
    this.#lines.replaceChildren(
      ...lines.flatMap(({ kind, points, x, y, label = "", dots = false }) => {
        if (!points) {
          const across = x === undefined;
          const at = across ? this.#down(y) : this.#across(x);
          const rule = across
            ? { x1: left, x2: this.#width - right, y1: at, y2: at }
            : { x1: at, x2: at, y1: top, y2: this.#height - bottom };
          const words = across ? svg("text", { class: kind, x: this.#width - right - 4, y: at - 5, "text-anchor": "end" }, label) : null;
          return [svg("line", { class: kind, ...rule }), words].filter(Boolean);
        }
        const places = points.map(([a, b]) => [this.#across(a), this.#down(b)]);
        const drawn = dots
          ? places.map(([cx, cy]) => svg("circle", { class: kind, cx, cy, r: 5 }))
          : [svg("polyline", { class: kind, points: places.map((place) => place.map((n) => n.toFixed(1)).join(",")).join(" ") })];
        return drawn;
      }),
    );
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
