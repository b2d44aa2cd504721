import { h, spoken } from "../page/element.js";
import { neighbour } from "./grid_keys.js";
import { shown, typed } from "./numbers.js";

const STARTS_EDITING = /^[-−.\d]$/;

/**
 * An array as tables, one for each plane, whose cells are reached by arrow keys.
 *
 * `listens` has `point(index)` for the pointer, `focus(index)` for the keyboard and a click, and, of an
 * array that can be changed, `edit(index, value)`.
 */
export class Grid {
  #name;
  #title;
  #listens;
  #array = null;
  #cells = [];
  #current = 0; // the cell that Tab comes to
  #shape = h("span", { class: "shape" });
  #planes = h("div", { class: "planes" });

  #shaded;
  #digits;
  #vector;

  /**
   * `name` as in code, `title` in words; a grid of sums has room for what is added. `kind` is classes
   * of the style sheet; of "heat" the elements are shades, and
   * "bare" is a vector, drawn as a column of numbers of two digits.
   */
  constructor(name, title, listens, kind = "") {
    const kinds = kind.split(" ");
    this.#shaded = kinds.includes("heat");
    this.#vector = kinds.includes("bare");
    this.#digits = this.#vector ? 2 : 4;
    this.#name = name;
    this.#title = title;
    this.#listens = listens;
    this.element = h(
      "figure",
      { class: `grid ${kind} ${name.startsWith("d") ? "grid-of-sums" : ""}`.trim(), "data-array": name },
      h("figcaption", {}, h("code", {}, name), ` ${title} `, this.#shape),
      this.#planes,
    );
    const on = (event, listener) => this.#planes.addEventListener(event, listener);
    on("pointerover", (event) => event.pointerType === "mouse" && this.#pointed(event));
    on("focusin", (event) => this.#focused(event));
    on("pointerdown", (event) => this.#pressed(event));
    on("keydown", (event) => this.#key(event));
  }

  /** Marks are a map of places to `{ role, note, wrong }`. */
  show(array, marks = new Map()) {
    if (this.#array?.shape.join() !== array.shape.join()) this.#build(array);
    this.#array = array;
    const most = array.data.reduce((all, value) => Math.max(all, Math.abs(value)), 0) || 1;
    this.#cells.forEach((cell, place) => {
      const { role = "", note = "", wrong = "" } = marks.get(place) ?? {};
      cell.dataset.role = role;
      cell.classList.toggle("wrong", wrong !== "");
      const [value, beneath, said] = cell.children;
      const later = array.come !== undefined && !array.come.has(place);
      if (!value.querySelector("input")) write(value, later ? "·" : shown(array.data[place], this.#digits));
      cell.classList.toggle("later", later);
      if (this.#shaded) {
        cell.style.setProperty(
          "--shade",
          later ? "0%" : `${Math.round((100 * Math.abs(array.data[place])) / most)}%`,
        );
        cell.dataset.sign = !later && array.data[place] < 0 ? "minus" : "plus";
      }
      write(beneath, note);
      write(said, wrong && `, ${wrong}`);
    });
  }

  focus(index) {
    this.#cells[this.#array.place(index)]?.focus();
  }

  #build(array) {
    const count = array.shape.slice(0, -2).reduce((all, one) => all * one, 1);
    const [rows, columns] = array.shape.slice(-2);
    this.#array = array;
    this.#shape.textContent = this.#vector ? `(${array.size},)` : `(${array.shape.join(", ")})`;
    this.#cells = [];
    const plane = (_, number) => {
      const index = array.index(number * rows * columns).slice(0, -2);
      const caption = index.length ? `${this.#name}[${index.join(",")}]` : this.#name;
      const row = (_, i) =>
        h(
          "tr",
          {},
          h("th", { scope: "row" }, String(i)),
          Array.from({ length: columns }, () => this.#cell()),
        );
      return h(
        "table",
        { role: "grid", "aria-readonly": this.#listens.edit ? null : "true" },
        h(
          "caption",
          { class: count === 1 ? "spoken" : null },
          // Over shades the whole name would be wider than the plane.
          this.#shaded ? [spoken(this.#name), caption.slice(this.#name.length)] : caption,
          spoken(`, ${this.#title}`),
        ),
        h(
          "thead",
          {},
          h(
            "tr",
            {},
            h("td", {}),
            Array.from({ length: columns }, (_, j) => h("th", { scope: "col" }, String(j))),
          ),
        ),
        h("tbody", {}, Array.from({ length: rows }, row)),
      );
    };
    this.#planes.replaceChildren(...Array.from({ length: count }, plane));
    this.#current = Math.min(this.#current, this.#cells.length - 1);
    if (this.#current >= 0) this.#cells[this.#current].tabIndex = 0;
  }

  #cell() {
    const cell = h(
      "td",
      { tabindex: "-1", "data-place": this.#cells.length },
      h("span", { class: "value" }),
      h("span", { class: "note", "aria-hidden": "true" }),
      spoken(""),
    );
    this.#cells.push(cell);
    return cell;
  }

  #placeOf(event) {
    const cell = event.target.closest("td[data-place]");
    return cell ? Number(cell.dataset.place) : -1;
  }

  #pointed(event) {
    const place = this.#placeOf(event);
    if (place >= 0) this.#listens.point(this.#array.index(place));
  }

  #focused(event) {
    const place = this.#placeOf(event);
    if (place < 0) return;
    this.#cells[this.#current].tabIndex = -1;
    this.#current = place;
    this.#cells[place].tabIndex = 0;
    this.#listens.focus(this.#array.index(place));
  }

  /** A second press on a cell begins to change it: with a finger there is no key to do so. */
  #pressed(event) {
    const place = this.#placeOf(event);
    if (place < 0 || document.activeElement !== this.#cells[place]) return;
    if (this.#listens.edit) {
      event.preventDefault();
      this.#edit(place, null);
    }
  }

  #key(event) {
    const place = this.#placeOf(event);
    if (place < 0 || event.target.matches("input") || event.ctrlKey || event.metaKey || event.altKey) return;
    const to = neighbour(place, event.key, this.#array.shape);
    if (to !== null) {
      event.preventDefault();
      this.#cells[to].focus();
    } else if (
      this.#listens.edit &&
      (event.key === "Enter" || event.key === "F2" || STARTS_EDITING.test(event.key))
    ) {
      event.preventDefault();
      this.#edit(place, event.key.length === 1 ? event.key : null);
    }
  }

  #edit(place, text) {
    const index = this.#array.index(place);
    const cell = this.#cells[place];
    const value = cell.firstElementChild;
    const input = h("input", {
      type: "text",
      inputmode: "decimal",
      "aria-label": `${this.#name}[${index.join(",")}]`,
      autocomplete: "off",
      maxlength: "8",
    });
    input.value = text ?? shown(this.#array.data[place], 8);
    let ended = false;
    const end = (keep, refocus) => {
      if (ended) return;
      ended = true;
      const number = typed(input.value);
      input.remove();
      value.textContent = shown(this.#array.data[place]);
      if (keep && Number.isFinite(number)) this.#listens.edit(index, number);
      if (refocus) cell.focus();
    };
    input.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === "Escape") {
        event.preventDefault();
        event.stopPropagation();
        end(event.key === "Enter", true);
      }
    });
    input.addEventListener("blur", () => end(true, false));
    value.replaceChildren(input);
    input.focus();
    if (text === null) input.select();
  }
}

function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
