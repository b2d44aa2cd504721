import { h } from "../page/element.js";
import { backward, cells, outShape } from "./convolution.js";
import { Explanation, sentence } from "./explanation.js";
import { Grid } from "./grid.js";
import { NdArray } from "./ndarray.js";
import { Player } from "./player.js";
import { marks, words } from "./routing.js";
import { EXAMPLES, SizesForm } from "./sizes.js";
import { plain } from "./timeline.js";
import { TraceView } from "./trace_view.js";

const KEPT = "pictures";
const GIVEN = { G: "grad_out", x: "input", W: "kernel" };
const RESULTS = { dx: "gradient of x", dW: "gradient of W" };

/**
 * G, x, W, dx and dW as grids, the walk that fills the last two, and what belongs to the element that
 * is pointed at.
 */
export class Arrays {
  #context;
  #changed;
  #arrays;
  #trace;
  #entries = [];
  #pointed = null; // by the mouse, and gone with it
  #chosen = null; // by a click, the keyboard, or the walk: it stays
  #grids = {};
  #player = new Player(() => this.#walked());
  #explanation = new Explanation();
  #sizes = new SizesForm((arrays) => this.#use(arrays));

  /** `changed(arrays)` is told of new numbers. */
  constructor(parent, context, changed) {
    this.#context = context;
    this.#changed = changed;
    this.#trace = new TraceView(context, {
      arrays: () => this.#arrays,
      point: (element) => this.#point(element),
      choose: (element) => this.#choose(element),
      changed: () => this.#begin(),
    });
    const grid = (name, title, editable) => {
      const listens = {
        point: (index) => this.#point({ array: name, index }),
        focus: (index) => this.#choose({ array: name, index }),
        edit: editable ? (index, value) => this.#edit(name, index, value) : null,
      };
      this.#grids[name] = new Grid(name, title, listens);
      return this.#grids[name].element;
    };
    const given = h("div", { class: "grids" }, Object.entries(GIVEN).map(([name, title]) => grid(name, title, true)));
    const results = h("div", { class: "grids" }, Object.entries(RESULTS).map(([name, title]) => grid(name, title, false)));
    for (const place of [given, results]) place.addEventListener("pointerleave", () => this.#point(null));
    parent.append(
      h("p", { class: "quiet" }, "Point at any element, or come to it by Tab and the arrow keys: what belongs to it lights up."),
      given,
      this.#player.element,
      results,
      this.#explanation.element,
      this.#trace.element,
      this.#sizes.element,
    );
    this.#use(kept(context.store) ?? EXAMPLES.ones.make());
  }

  destroy() {
    this.#player.pause();
    this.#trace.destroy();
  }

  #use(arrays) {
    this.#arrays = arrays;
    this.#context.store.set(KEPT, Object.fromEntries(Object.entries(arrays).map(([name, a]) => [name, a.toLists()])));
    this.#sizes.show(arrays);
    this.#pointed = null;
    if (!this.#chosen || !fits(this.#chosen, arrays)) this.#chosen = { array: "G", index: [0, 0, 0] };
    this.#trace.renew();
    this.#begin();
    this.#changed(arrays);
  }

  #begin() {
    this.#entries = this.#trace.entries ?? plain(this.#arrays.G.shape);
    this.#player.reset(this.#entries.length);
    this.#show();
  }

  #edit(name, index, value) {
    const changed = this.#arrays[name].copy();
    changed.data[changed.place(index)] = value;
    this.#use({ ...this.#arrays, [name]: changed });
  }

  #point(element) {
    this.#pointed = element;
    this.#show();
  }

  #choose(element) {
    this.#player.pause();
    this.#chosen = element;
    this.#show();
    this.#context.announce(sentence(this.#words()));
  }

  #walked() {
    const { cell } = this.#entries[this.#player.step - 1] ?? {};
    if (cell) this.#chosen = { array: "G", index: cell };
    this.#pointed = null;
    this.#show();
  }

  get #looked() {
    return this.#pointed ?? this.#chosen;
  }

  /** The output cells whose shares a result has got after some entries. */
  #come(entries, result) {
    if (!this.#trace.matched) return cells(this.#arrays.G.shape);
    return entries.filter(({ adds }) => adds[result]).map(({ cell }) => cell);
  }

  #words() {
    const { array } = this.#looked;
    const come = this.#come(this.#entries.slice(0, this.#player.step), array === "dx" ? "dx" : "dW");
    const known = new Set(come.map(String));
    return words(this.#looked, this.#arrays, (cell) => known.has(String(cell)));
  }

  #show() {
    const { G, x, W } = this.#arrays;
    const step = this.#player.step;
    const count = this.#entries.length;
    const entries = this.#entries.slice(0, step);
    const { dx } = backward(G, x, W, this.#come(entries, "dx"));
    const { dW } = backward(G, x, W, this.#come(entries, "dW"));
    const shown = { G, x, W, dx, dW };
    const found = marks(this.#looked, this.#arrays);
    for (const [name, grid] of Object.entries(this.#grids)) grid.show(shown[name], found[name]);
    this.#explanation.show(this.#words());
    this.#player.say(said(step, count, entries.at(-1)?.cell));
    this.#trace.show(entries.at(-1), step === count, shown);
  }
}

function said(step, count, cell) {
  if (count === 0) return "no steps";
  if (step === 0) return `before the first of ${count} steps`;
  const which = step === count ? `after all ${count} steps` : `step ${step} of ${count}`;
  return cell && step < count ? `${which}, (o,i,j) = (${cell.join(",")})` : which;
}

function fits({ array, index }, { G, x, W }) {
  const { shape } = { G, x, W, dx: x, dW: W }[array];
  return index.every((k, axis) => k < shape[axis]);
}

/** What the store has, if that is arrays that belong together. */
function kept(store) {
  const lists = store.get(KEPT);
  if (!lists) return null;
  const [G, x, W] = Object.keys(GIVEN).map((name) => NdArray.fromLists(lists[name] ?? []));
  const fit = x.shape.length === 3 && W.shape.length === 4 && outShape(x, W).join() === G.shape.join() && G.size > 0;
  return fit && x.shape[0] === W.shape[1] ? { G, x, W } : null;
}
