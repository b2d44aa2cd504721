import { h } from "../page/element.js";
import { Explanation, sentence } from "./explanation.js";
import { fitted } from "./fitting.js";
import { Grid } from "./grid.js";
import { NdArray } from "./ndarray.js";
import { OptionsForm } from "./options.js";
import { Player } from "./player.js";
import { SizesForm } from "./sizes.js";
import { StagesView } from "./stages_view.js";
import { TraceView } from "./trace_view.js";

/**
 * The arrays of a problem as grids, the walk that fills its results, and what belongs to the element that
 * is looked at. What it is of, a scene says:
 *
 *     kept                          the store's name for its numbers
 *     walk                          what the steps are, in words
 *     rows                          of grids, each `[{ name, title, edit, kind, under }]`, and a `note`
 *     examples                      `[{ name, make() }]`, each a state: `{ arrays, options }`
 *     fits(state)                   whether a state from elsewhere can be drawn
 *     sizes, options                fields to change a state by
 *     entries(state)                the steps
 *     named(entry)                  words for a step that has no name
 *     look(entry, state)            the element that a step is about, `{ array, index }`
 *     results(state, entries)       arrays after these steps; `come` in one has the places that are known
 *     marks(looked, state, entries) of every array a map of places to `{ role, note }`
 *     words(looked, state, entries) `{ title, text, code, sum }`
 *     state(evidence)               a state of the checker's smallest case, or null
 *     trace                         where code can be traced, what `TracePanel` and its two kinds ask for
 */
export class Picture {
  #context;
  #scene;
  #changed;
  #state;
  #seen = null; // the checker's case that is drawn, as JSON
  #trace;
  #entries = [];
  #pointed = null; // by the mouse, and gone with it
  #chosen = null; // by a click, the keyboard, or the walk: it stays
  #grids = {};
  #player;
  #rows;
  #explanation = new Explanation();
  #forms = [];
  #fit;

  /** `changed(state)` is told of new numbers. */
  constructor(parent, context, scene, changed = () => {}) {
    this.#context = context;
    this.#scene = scene;
    this.#changed = changed;
    this.#player = new Player(scene.walk, () => {
      this.#walked();
      this.#intoView();
    });
    const use = (state) => this.#use(state);
    if (scene.options) this.#forms.push(new OptionsForm(scene.options, use));
    const more = new SizesForm(scene, use);
    this.#forms.push(more);
    this.#trace = scene.trace ? this.#traced() : null;
    this.#rows = h(
      "div",
      { class: "rows" },
      scene.rows.map((row) => this.#row(row)),
    );
    parent.append(
      h(
        "div",
        { class: "player-row" },
        this.#player.element,
        this.#trace?.button ?? null,
        scene.options ? this.#forms[0].element : null,
      ),
      ...(this.#trace ? [this.#trace.words] : []),
      this.#rows,
      scene.note ? h("p", { class: "quiet picture-note" }, scene.note) : "",
      this.#explanation.element,
      more.element,
    );
    this.#fit = fitted(parent, this.#rows);
    this.#use(kept(context.store, scene) ?? scene.examples[0].make());
  }

  destroy() {
    this.#player.pause();
    this.#fit.end();
    this.#trace?.destroy();
  }

  /** Whether the checker's case can be drawn here. */
  takes(evidence) {
    const state = this.#scene.state?.(evidence) ?? null;
    return state !== null && this.#scene.fits(state);
  }

  /** Draw the checker's smallest case, and the learner's code on it. */
  see(evidence) {
    this.#use(this.#scene.state(evidence));
    this.#seen = JSON.stringify(evidence.arguments);
    this.#trace?.again();
  }

  /** The code is another: a trace of it is an old one. */
  changed() {
    if (this.#trace?.traced) this.#show();
  }

  /**
   * The tests have run, with these cases to show. Where the case of a run before was drawn, the new one
   * takes its place; where the code is traced, it is traced again.
   */
  ran(found) {
    const next = this.#seen === null ? undefined : found.find((evidence) => this.takes(evidence));
    if (next && JSON.stringify(next.arguments) !== this.#seen) this.see(next);
    else if (this.#trace?.traced) this.#trace.again();
  }

  #row(grids) {
    const row = h(
      "div",
      { class: "grids" },
      grids.map((one) => {
        const grid = this.#grid(one);
        const own = this.#trace?.grids[one.name]?.element;
        const under = one.under && this.#grid({ ...one.under, kind: `${one.under.kind} under` });
        return own || under ? h("div", { class: "beside" }, grid, own ?? null, under ?? null) : grid;
      }),
    );
    row.addEventListener("pointerleave", () => this.#point(null));
    return row;
  }

  #grid({ name, title, edit, kind }) {
    const listens = {
      point: (index) => this.#point({ array: name, index }),
      focus: (index) => this.#choose({ array: name, index }),
      edit: edit ? (index, value) => this.#edit(name, index, value) : null,
    };
    this.#grids[name] = new Grid(name, title, listens, kind);
    return this.#grids[name].element;
  }

  #traced() {
    const { trace } = this.#scene;
    return new (trace.stage ? StagesView : TraceView)(this.#context, trace, {
      state: () => this.#state,
      point: (element) => this.#point(element),
      choose: (element) => this.#choose(element),
      changed: () => this.#begin(this.#player.step),
    });
  }

  #use(state) {
    const { arrays, options } = state;
    this.#state = state;
    this.#seen = null;
    this.#context.store.set(this.#scene.kept, { arrays: lists(arrays), options });
    for (const form of this.#forms) form.show(state);
    this.#pointed = null;
    this.#trace?.renew();
    this.#begin(this.#player.step);
    this.#changed(state);
  }

  /** New steps: at the first of them, or, of as many as before, where it stood. */
  #begin(stood = 0) {
    const before = this.#entries.length;
    this.#entries = this.#trace?.entries ?? this.#scene.entries(this.#state);
    this.#player.reset(this.#entries.length, before === this.#entries.length ? stood : 0);
    this.#walked();
    this.#fit.again();
  }

  #edit(name, index, value) {
    const changed = this.#state.arrays[name].copy();
    changed.data[changed.place(index)] = value;
    this.#use({ ...this.#state, arrays: { ...this.#state.arrays, [name]: changed } });
  }

  #point(element) {
    this.#pointed = element;
    this.#show();
  }

  #choose(element) {
    this.#player.pause();
    this.#chosen = element;
    this.#show();
    this.#context.announce(sentence(this.#scene.words(element, this.#state, this.#come)));
  }

  #walked() {
    const entry = this.#entries[this.#player.step - 1] ?? this.#entries[0];
    const look = entry && this.#scene.look(entry, this.#state);
    if (look) this.#chosen = look;
    this.#pointed = null;
    this.#show();
  }

  /** What the step is about, and the learner's beside it, where the picture has more than its pane shows. */
  #intoView() {
    const cells = [...this.#rows.querySelectorAll('td:is([data-role="here"], [data-role="into"])')];
    const places = [
      cells.findLast((cell) => cell.checkVisibility()),
      cells.find((cell) => cell.checkVisibility()),
    ];
    for (const cell of places) cell?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  /** The steps that the reference has made: all of them where the learner's have none to compare with. */
  get #come() {
    if (this.#trace && !this.#trace.matched) return this.#scene.entries(this.#state);
    return this.#entries.slice(0, this.#player.step);
  }

  #show() {
    const { step } = this.#player;
    const scene = this.#scene;
    const come = this.#come;
    const shown = { ...this.#state.arrays, ...scene.results(this.#state, come) };
    const looked = this.#pointed ?? this.#chosen;
    // Before the first step nothing has happened yet: only what is pointed at is lit.
    const lit = looked && (step > 0 || this.#pointed || document.activeElement?.closest?.(".grid"));
    const found = lit ? scene.marks(looked, this.#state, come) : {};
    for (const [name, grid] of Object.entries(this.#grids)) grid.show(shown[name], found[name]);
    if (lit) this.#explanation.show(scene.words(looked, this.#state, come));
    else this.#explanation.ask();
    const last = this.#entries[step - 1];
    this.#player.say(said(step, this.#entries.length, last?.name ?? scene.named(last)));
    this.#trace?.show(step === 0 ? null : last, step === this.#entries.length, shown);
    this.#rows.classList.toggle("going", this.#trace?.going ?? false);
  }
}

function said(step, count, name) {
  if (count === 0) return "no steps";
  const [first, all] =
    count === 1 ? ["the only step", "the only step"] : [`the first of ${count} steps`, `all ${count} steps`];
  if (step === 0) return `before ${first}`;
  const which = step === count ? `after ${all}` : `step ${step} of ${count}`;
  return name && step < count ? `${which}, ${name}` : name ? `${which}: ${name}` : which;
}

const lists = (arrays) =>
  Object.fromEntries(Object.entries(arrays).map(([name, array]) => [name, array.toLists()]));

/** What the store has of a scene, if that can be drawn. */
function kept(store, scene) {
  const found = store.get(scene.kept);
  if (!found?.arrays) return null;
  const arrays = Object.fromEntries(
    Object.entries(found.arrays).map(([name, rows]) => [name, NdArray.fromLists(rows ?? [])]),
  );
  const state = { arrays, options: found.options ?? {} };
  return scene.fits(state) ? state : null;
}
