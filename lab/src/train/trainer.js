import { h } from "../page/element.js";
import { Stopped } from "../python/client.js";
import { FunctionsForm } from "./functions_form.js";
import { Kernels } from "./kernels.js";
import { percent, Runs } from "./runs.js";

const TRAINING = "practice.training";
const SLICE_SECONDS = 0.15;
const NO_MISTAKE = "It is trained with the functions that are ticked above, as they are.";
const PATIENCE_MS = 400; // for the end of a slice, before Stop ends Python's call itself

/** Chooses what computes, trains slice by slice, and shows how it goes. */
export class Trainer {
  #context;
  #told;
  #functions = h("div", {});
  #form;
  #listing = false;
  #mistake = h(
    "select",
    { disabled: true, on: { change: () => this.#chosen() } },
    h("option", { value: "" }, "none"),
  );
  #about = h("p", { class: "quiet about-mistake" }, NO_MISTAKE);
  #train = h(
    "button",
    { type: "button", class: "run", disabled: true, on: { click: () => this.#run() } },
    "Train",
  );
  #stop = h("button", { type: "button", disabled: true, on: { click: () => this.end() } }, "Stop training");
  #words = h("p", { class: "trace-words" }, "Python is loading");
  #kernels;
  #runs;
  #running = false;
  #ending = false;
  #away = null; // while another page is shown: how the training is told that this one is again

  /** `told.started()` when there is a network, `told.changed()` when it has learned something. */
  constructor(parent, context, told) {
    this.#context = context;
    this.#told = told;
    parent.append(
      this.#functions,
      h("label", { class: "field-row" }, h("span", {}, "Put a mistake into the gradient: "), this.#mistake),
      this.#about,
      h("p", { class: "row" }, this.#train, this.#stop),
      this.#words,
    );
    this.#runs = new Runs(parent);
    this.#kernels = new Kernels(parent);
    context.python.onReady(() => this.#ready());
  }

  /** With what has been written and solved by now. */
  show() {
    this.#away?.back();
    this.#away = null;
    this.#form = new FunctionsForm(this.#context.store);
    this.#functions.replaceChildren(this.#form.element);
    this.#listMistakes();
  }

  /** Another page is shown, which may need Python: the training goes on when this one is back. */
  pause() {
    if (!this.#running || this.#away) return;
    this.#away = {};
    this.#away.over = new Promise((resolve) => {
      this.#away.back = resolve;
    });
  }

  async #ready() {
    this.#train.disabled = false;
    this.#words.textContent = "";
    await this.#listMistakes();
  }

  async #listMistakes() {
    if (!this.#mistake.disabled || this.#train.disabled || this.#listing) return;
    this.#listing = true;
    try {
      const mistakes = await this.#context.python.call(`${TRAINING}:mistakes`);
      this.#mistake.append(...mistakes.map(({ name, title }) => h("option", { value: name }, title)));
      this.#mistake.disabled = false;
    } catch (error) {
      if (!(error instanceof Stopped)) throw error; // by a run elsewhere: it is asked for again when shown
    } finally {
      this.#listing = false;
    }
  }

  /** What is chosen with all its words: on a phone the field has no room for them. */
  #chosen() {
    const { value, selectedOptions } = this.#mistake;
    const said = `${value}: ${selectedOptions[0].textContent}. It is put into the reference's conv2d_backward, which is trained with in place of yours.`;
    this.#about.textContent = value ? said : NO_MISTAKE;
  }

  async #run() {
    const codes = this.#form.codes;
    const mistake = this.#mistake.value || null;
    this.#buttons(true);
    this.#ending = false;
    try {
      await this.#trained(codes, mistake);
    } catch (error) {
      this.#say(error.message);
    } finally {
      this.#buttons(false);
    }
  }

  async #trained(codes, mistake) {
    const { python } = this.#context;
    this.#say("Starting.");
    const started = await this.#unlessStopped(python.call(`${TRAINING}:start`, { codes, mistake }));
    if (!started) {
      this.#say("Stopped before the first batch.");
      return;
    }
    if (started.error) {
      this.#say(where(started.error));
      return;
    }
    this.#runs.begin(trainedWith(Object.keys(codes), mistake), started.batches);
    this.#kernels.show(started.kernels);
    this.#told.started();
    let batches = 0;
    let epochs = 0;
    let spent = 0; // ms in Python
    const { replaced } = python;
    const lost = () => {
      if (python.replaced === replaced) return false;
      this.#say(`Ended after ${batches} batches: Python had to be started again, without the network.`);
      return true;
    };
    while (!this.#ending) {
      await this.#away?.over;
      if (lost()) return;
      const began = performance.now();
      const slice = await this.#unlessStopped(python.call(`${TRAINING}:advance`, { seconds: SLICE_SECONDS }));
      if (!slice) {
        if (lost()) return;
        break;
      }
      spent += performance.now() - began;
      batches += slice.losses.length;
      this.#runs.add(slice.losses, slice.accuracies);
      this.#kernels.show(slice.kernels);
      const left = (spent / batches / 1000) * (started.batches - batches);
      this.#words.textContent = `Batch ${batches} of ${started.batches}, ${duration(left)} left.`;
      if (slice.error) {
        this.#say(`Ended after ${batches} batches. ${where(slice.error)}`);
        break;
      }
      if (slice.accuracies.length > epochs) {
        epochs = slice.accuracies.length;
        this.#context.announce(
          `After ${epochs} of 3 rounds ${percent(slice.accuracies.at(-1))} of the held-out digits are read right.`,
        );
        this.#told.changed();
      }
      if (slice.done) {
        this.#say(`Trained: ${percent(slice.accuracies.at(-1))} of the held-out digits are read right.`);
        break;
      }
      await new Promise((resolve) => requestAnimationFrame(resolve));
    }
    if (this.#ending)
      this.#say(`Stopped after ${batches} of ${started.batches} batches. The network is as it was then.`);
    this.#told.changed();
  }

  /** What a call gives, or null where it was ended by Stop here. */
  async #unlessStopped(called) {
    try {
      return await called;
    } catch (error) {
      if (this.#ending && error instanceof Stopped) return null;
      throw error;
    }
  }

  /** After the present slice, or, where that takes long, at once. */
  end() {
    if (!this.#running || this.#ending) return;
    this.#ending = true;
    setTimeout(() => this.#running && this.#context.python.stop(), PATIENCE_MS);
  }

  #buttons(running) {
    const had = [this.#stop, this.#train].includes(document.activeElement); // a disabled one would lose it
    this.#running = running;
    this.#train.disabled = running;
    this.#stop.disabled = !running;
    if (had) (running ? this.#stop : this.#train).focus({ preventScroll: true });
  }

  #say(words) {
    this.#words.textContent = words;
    this.#context.announce(words);
  }
}

/** In words, what computes: a mistake takes the place of the learner's own gradient. */
function trainedWith(names, mistake) {
  const own = names.filter((name) => !(mistake && name === "conv2d_backward"));
  if (!mistake) return own.length ? `with your ${own.join(", ")}` : "with the reference";
  const rest = own.length ? `; with your ${own.join(", ")}` : "";
  return `${mistake} in the reference's conv2d_backward${rest}`;
}

/** About how long, no finer than can be known: "9 s", "about 40 s", "about 3 min". */
function duration(seconds) {
  if (seconds < 10) return `${Math.ceil(seconds)} s`;
  return seconds < 90 ? `about ${5 * Math.round(seconds / 5)} s` : `about ${Math.round(seconds / 60)} min`;
}

const where = ({ message, line }) => (line ? `${message} (line ${line})` : message);
