import { h } from "../page/element.js";
import { backward, cells, forward, outShape } from "./convolution.js";
import { Explanation, sentence } from "./explanation.js";
import { Grid } from "./grid.js";
import { NdArray } from "./ndarray.js";
import { Player } from "./player.js";
import { alike, marks, words } from "./routing.js";
import { EXAMPLES, SizesForm } from "./sizes.js";
import { plain } from "./timeline.js";
import { TraceView } from "./trace_view.js";

const KEPT = "pictures";

/**
 * What is drawn of a pass, with titles. `begins` is the array whose first element is looked at first;
 * `computed` gives the results, of which `come(result)` says what output cells have been walked over.
 */
const PASSES = {
  forward: {
    given: { x: "input", W: "kernel" },
    results: { out: "output" },
    begins: "out",
    computed: ({ x, W }, come) => ({ out: forward(x, W, come("out")) }),
  },
  backward: {
    given: { G: "grad_out", x: "input", W: "kernel" },
    results: { dx: "gradient of x", dW: "gradient of W" },
    begins: "G",
    computed: ({ G, x, W }, come) => ({
      dx: backward(G, x, W, come("dx")).dx,
      dW: backward(G, x, W, come("dW")).dW,
    }),
  },
};

/**
 * The arrays of a pass as grids, the walk that fills the results, and what belongs to the element that
 * is looked at. Of the backward pass the learner's code can be traced beside it.
 */
export class Arrays {
  #context;
  #pass;
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

  /** `pass` is "forward" or "backward"; `changed(arrays)` is told of new numbers. */
  constructor(parent, context, pass, changed = () => {}) {
    this.#context = context;
    this.#pass = pass;
    this.#changed = changed;
    this.#trace =
      pass === "forward"
        ? null
        : new TraceView(context, {
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
    const given = h(
      "div",
      { class: "grids" },
      Object.entries(PASSES[pass].given).map(([name, title]) => grid(name, title, true)),
    );
    const results = h(
      "div",
      { class: "grids" },
      Object.entries(PASSES[pass].results).map(([name, title]) => grid(name, title, false)),
    );
    for (const place of [given, results]) place.addEventListener("pointerleave", () => this.#point(null));
    parent.append(
      h(
        "p",
        { class: "quiet" },
        "Point at any element, or come to it by Tab and the arrow keys: what belongs to it lights up.",
      ),
      given,
      this.#player.element,
      results,
      this.#explanation.element,
      ...(this.#trace ? [this.#trace.element] : []),
      this.#sizes.element,
    );
    this.#use(kept(context.store) ?? EXAMPLES.ones.make());
  }

  destroy() {
    this.#player.pause();
    this.#trace?.destroy();
  }

  #use(arrays) {
    this.#arrays = arrays;
    this.#context.store.set(
      KEPT,
      Object.fromEntries(Object.entries(arrays).map(([name, a]) => [name, a.toLists()])),
    );
    this.#sizes.show(arrays);
    this.#pointed = null;
    if (!this.#chosen || !fits(this.#chosen, arrays))
      this.#chosen = { array: PASSES[this.#pass].begins, index: [0, 0, 0] };
    this.#trace?.renew();
    this.#begin();
    this.#changed(arrays);
  }

  #begin() {
    this.#entries = this.#trace?.entries ?? plain(this.#arrays.G.shape);
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
    if (cell) this.#chosen = { array: PASSES[this.#pass].begins, index: cell };
    this.#pointed = null;
    this.#show();
  }

  get #looked() {
    return this.#pointed ?? this.#chosen;
  }

  /** The output cells whose shares a result has got after some entries. */
  #come(entries, result) {
    if (this.#trace && !this.#trace.matched) return cells(this.#arrays.G.shape);
    return entries.filter(({ adds }) => adds[result] ?? true).map(({ cell }) => cell);
  }

  #words() {
    const { array } = this.#looked;
    const come = this.#come(this.#entries.slice(0, this.#player.step), array);
    const known = new Set(come.map(String));
    return words(this.#looked, this.#arrays, this.#pass, (cell) => known.has(String(cell)));
  }

  #show() {
    const step = this.#player.step;
    const count = this.#entries.length;
    const entries = this.#entries.slice(0, step);
    const results = PASSES[this.#pass].computed(this.#arrays, (result) => this.#come(entries, result));
    const shown = { ...this.#arrays, ...results };
    const found = marks(this.#looked, this.#arrays, this.#pass);
    for (const [name, grid] of Object.entries(this.#grids)) grid.show(shown[name], found[name]);
    this.#explanation.show(this.#words());
    this.#player.say(said(step, count, entries.at(-1)?.cell));
    this.#trace?.show(entries.at(-1), step === count, shown);
  }
}

function said(step, count, cell) {
  if (count === 0) return "no steps";
  if (step === 0) return `before the first of ${count} steps`;
  const which = step === count ? `after all ${count} steps` : `step ${step} of ${count}`;
  return cell && step < count ? `${which}, (o,i,j) = (${cell.join(",")})` : which;
}

function fits({ array, index }, arrays) {
  const { shape } = alike(array, arrays);
  return index.every((k, axis) => k < shape[axis]);
}

/** What the store has, if that is arrays that belong together. */
function kept(store) {
  const lists = store.get(KEPT);
  if (!lists) return null;
  const [G, x, W] = ["G", "x", "W"].map((name) => NdArray.fromLists(lists[name] ?? []));
  const fit =
    x.shape.length === 3 && W.shape.length === 4 && outShape(x, W).join() === G.shape.join() && G.size > 0;
  return fit && x.shape[0] === W.shape[1] ? { G, x, W } : null;
}
