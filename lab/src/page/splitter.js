import { h } from "./element.js";

const [LEAST, MOST] = [15, 85]; // percent of the first pane
const STEP = 2;

/**
 * The bar between the two panes of a group: dragged, or moved by arrow keys; a double click puts it back.
 *
 * The group is a flex container, in a row or in a column as the screen has room; where the bar stands
 * is kept for each of them.
 */
export class Splitter {
  #group;
  #store;
  #stands;

  /**
   * `stands()` is `{ direction, usual, kept }`: "row" or "column", as the style sheet has it, the percent of
   * the first pane where nothing else is known, and the name under which it is kept. To ask the browser for
   * the direction would have all styles worked out while the page is built: a fifth of the time to open it.
   */
  constructor(group, { label, stands, store }) {
    this.#group = group;
    this.#store = store;
    this.#stands = stands;
    this.element = h("div", {
      class: "splitter",
      role: "separator",
      tabindex: "0",
      "aria-label": label,
      "aria-valuemin": LEAST,
      "aria-valuemax": MOST,
      on: {
        pointerdown: (event) => this.#dragged(event),
        pointermove: (event) => this.element.hasPointerCapture(event.pointerId) && this.#to(this.#at(event)),
        keydown: (event) => this.#key(event),
        dblclick: () => this.#to(this.#stands().usual),
      },
    });
  }

  /** Stand where it stood in this direction. */
  place() {
    const { direction, usual, kept } = this.#stands();
    this.element.setAttribute("aria-orientation", direction === "row" ? "vertical" : "horizontal");
    this.#set(this.#store.get(`split/${kept}`, usual));
  }

  get #share() {
    return Number(this.element.getAttribute("aria-valuenow"));
  }

  #set(share) {
    const within = Math.min(Math.max(Number(share) || 50, LEAST), MOST);
    this.#group.firstElementChild.style.setProperty("--share", String(within));
    this.#group.lastElementChild.style.setProperty("--share", String(100 - within));
    this.element.setAttribute("aria-valuenow", String(Math.round(within)));
  }

  #to(share) {
    this.#set(share);
    this.#store.set(`split/${this.#stands().kept}`, this.#share);
  }

  #dragged(event) {
    this.element.setPointerCapture(event.pointerId);
    this.element.focus();
  }

  #at({ clientX, clientY }) {
    const { left, top, width, height } = this.#group.getBoundingClientRect();
    return this.#stands().direction === "row"
      ? (100 * (clientX - left)) / width
      : (100 * (clientY - top)) / height;
  }

  #key(event) {
    const by = { ArrowLeft: -STEP, ArrowUp: -STEP, ArrowRight: STEP, ArrowDown: STEP }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    this.#to(this.#share + by);
  }
}
