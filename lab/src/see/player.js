import { glyph, h, spoken } from "../page/element.js";

const STEP_MS = 700;

/** A slider over steps, with buttons to walk and to play them. `moved(step)` is told every change. */
export class Player {
  #moved;
  #steps = 0;
  #timer = 0;
  #words = h("p", { class: "step-words" });
  #slider = h("input", { type: "range", min: "0", step: "1", "aria-label": "Step" });
  #play;

  /** `walk` says what the steps are. */
  constructor(walk, moved) {
    this.#moved = moved;
    const button = (sign, name, press) =>
      h("button", { type: "button", class: "walk", on: { click: press } }, glyph(sign), spoken(name));
    this.#play = button("▶", "Play", () => this.#toggle());
    this.element = h(
      "div",
      { class: "player", role: "group", "aria-label": walk },
      button("|◀", "To the beginning", () => this.#go(0)),
      button("◀", "One step back", () => this.#go(this.step - 1)),
      this.#play,
      button("▶|", "One step on", () => this.#go(this.step + 1)),
      this.#slider,
      this.#words,
    );
    this.#slider.addEventListener("input", () => this.#go(this.step));
  }

  get step() {
    return Number(this.#slider.value);
  }

  get playing() {
    return this.#timer !== 0;
  }

  /** So many steps; it stands before the first, unless told where. */
  reset(steps, step = 0) {
    this.pause();
    this.#steps = steps;
    this.#slider.max = String(steps);
    this.#slider.value = String(step);
  }

  /** What there is to say of the step. */
  say(words) {
    this.#words.textContent = words;
    this.#slider.setAttribute("aria-valuetext", words);
  }

  pause() {
    clearInterval(this.#timer);
    this.#timer = 0;
    this.#named("▶", "Play");
  }

  #go(step) {
    this.pause();
    this.#to(step);
  }

  #to(step) {
    this.#slider.value = String(Math.min(Math.max(step, 0), this.#steps));
    this.#moved(this.step);
  }

  #toggle() {
    if (this.playing) {
      this.pause();
      return;
    }
    if (this.step === this.#steps) this.#to(0);
    this.#named("❚❚", "Pause");
    this.#timer = setInterval(() => {
      this.#to(this.step + 1);
      if (this.step === this.#steps) this.pause();
    }, STEP_MS);
  }

  #named(sign, name) {
    const [drawn, said] = this.#play.children;
    drawn.textContent = sign;
    said.textContent = name;
  }
}
