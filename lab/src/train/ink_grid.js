import { h } from "../page/element.js";
import { neighbour } from "../see/grid_keys.js";

const SIZE = 8;
const LEVELS = [0, 0.5, 1];

/** The 8×8 image as the network gets it: a grid in which Space puts ink, half of it, and none. */
export class InkGrid {
  #ink = new Array(SIZE * SIZE).fill(0);
  #cells;
  #current = 0;
  #changed;

  /** `changed()` is told when a person has changed it. */
  constructor(changed) {
    this.#changed = changed;
    this.#cells = this.#ink.map((_, place) => h("td", { tabindex: place ? "-1" : "0" }));
    const rows = Array.from({ length: SIZE }, (_, i) =>
      h("tr", {}, this.#cells.slice(i * SIZE, (i + 1) * SIZE)),
    );
    this.element = h(
      "table",
      { class: "ink", role: "grid", "aria-describedby": "ink-keys" },
      h("caption", {}, "as the network gets it"),
      h("tbody", {}, rows),
    );
    this.element.addEventListener("keydown", (event) => this.#key(event));
    this.element.addEventListener("pointerdown", (event) => {
      const place = this.#cells.indexOf(event.target.closest("td"));
      if (place >= 0) this.#press(place);
    });
    this.element.addEventListener("focusin", (event) => this.#move(this.#cells.indexOf(event.target)));
    this.show(this.image);
  }

  /** Eight rows of eight, 0 for paper and 1 for ink. */
  get image() {
    return Array.from({ length: SIZE }, (_, i) => this.#ink.slice(i * SIZE, (i + 1) * SIZE));
  }

  show(image) {
    this.#ink = image.flat();
    for (const place of this.#cells.keys()) this.#paint(place);
  }

  #paint(place) {
    const cell = this.#cells[place];
    const ink = Math.round(100 * this.#ink[place]);
    cell.style.setProperty("--share", `${ink}%`);
    cell.setAttribute("aria-label", `row ${Math.floor(place / SIZE)}, column ${place % SIZE}: ${ink} % ink`);
  }

  #key(event) {
    const place = this.#cells.indexOf(event.target);
    if (place < 0 || event.ctrlKey || event.metaKey || event.altKey) return;
    const to = neighbour(place, event.key, [SIZE, SIZE]);
    if (to !== null) {
      event.preventDefault();
      this.#cells[to].focus();
    } else if (event.key === " " || event.key === "Enter") {
      event.preventDefault();
      this.#press(place);
    }
  }

  #press(place) {
    this.#ink[place] = LEVELS.find((level) => level > this.#ink[place] + 0.01) ?? 0;
    this.#paint(place);
    this.#changed();
  }

  #move(place) {
    if (place < 0) return;
    this.#cells[this.#current].tabIndex = -1;
    this.#current = place;
    this.#cells[place].tabIndex = 0;
  }
}
