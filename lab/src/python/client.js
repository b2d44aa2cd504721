/** A call was ended by Stop. */
export class Stopped extends Error {
  constructor(line = 0) {
    super(line ? `stopped in line ${line}` : "stopped");
    this.line = line;
  }
}

/** Python itself ended in the middle of a call, most often for want of memory. */
export class Died extends Error {}

const UNANSWERED_MS = 400; // an interrupt that Python has not noticed by then, it won't in a second
const LONG_MS = 1000; // a call that may have to be ended by ending its worker

/**
 * Python in a worker, one call after the other.
 *
 * `boot()` gives a promise of a new worker's source and files. `stop` interrupts a call by shared
 * memory where the page is isolated, and the interpreter goes on. Elsewhere, and where a call does
 * not notice, the worker is ended and the next takes over: one is started as soon as a call takes
 * long, so that there is little to wait for.
 */
export class Python {
  #boot;
  #worker = null;
  #spare = null;
  #queue = [];
  #current = null;
  #timer = 0;
  #watchers = new Set();
  #state = "loading";
  /** How often another has taken its place: what Python held is gone then. */
  replaced = 0;

  /** Nothing is loaded before `start`. */
  constructor() {
    // WebKitGTK says that a page is isolated, and has no shared memory all the same.
    this.isolated = globalThis.crossOriginIsolated === true && "SharedArrayBuffer" in globalThis;
    this.ready = new Promise((resolve) => {
      const end = this.watch((state) => {
        if (state !== "ready") return;
        end();
        resolve();
      });
    });
  }

  /** Load Python. `boot` is as above. */
  start(boot) {
    this.#boot = boot;
    this.#use(this.#start());
  }

  /** "loading", "ready", "running" or "failed". */
  get state() {
    return this.#state;
  }

  /** Tell every new state, and give back what ends that. */
  watch(watcher) {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  /** Run a listener when Python is there, at once where it is. */
  onReady(listener) {
    this.ready.then(listener);
  }

  /**
   * The result of `module:function` of dxdw, with positional arguments as a list or named ones as an
   * object. A function that takes `tell` hands its events to `tell`; what is printed goes to `output`
   * as `{ text, dropped }`. Rejects with Stopped, Died, or an Error with Python's own words.
   */
  call(address, args = [], { tell = () => {}, output = () => {} } = {}) {
    return new Promise((resolve, reject) => {
      this.#queue.push({ address, args: JSON.stringify(args), tell, output, resolve, reject });
      this.#next();
    });
  }

  /** End the call that runs; where none does, those that wait for Python to load. */
  stop() {
    const call = this.#current;
    if (call === null) {
      for (const waiting of this.#queue.splice(0)) waiting.reject(new Stopped());
      return;
    }
    if (this.#worker.interrupt === null) {
      this.#replace(new Stopped());
      return;
    }
    this.#worker.interrupt[0] = 2; // SIGINT
    setTimeout(() => {
      if (this.#current === call) this.#replace(new Stopped());
    }, UNANSWERED_MS);
  }

  #start() {
    const shared = this.isolated ? new SharedArrayBuffer(1) : null;
    const started = {
      interrupt: shared && new Uint8Array(shared),
      ready: false,
      worker: null,
      ended: false,
      end() {
        this.ended = true;
        this.worker?.terminate();
      },
    };
    this.#boot().then(
      ({ source, files }) => {
        if (started.ended) return;
        const address = URL.createObjectURL(source);
        started.worker = new Worker(address, { name: "python" });
        URL.revokeObjectURL(address);
        started.worker.addEventListener("message", ({ data }) => this.#hear(started, data));
        started.worker.addEventListener("error", (event) =>
          this.#hear(started, { kind: "died", message: event.message }),
        );
        started.worker.postMessage({ kind: "start", files, interrupt: shared });
      },
      (error) => this.#hear(started, { kind: "failed", message: String(error.message ?? error) }),
    );
    return started;
  }

  #use(started) {
    this.#worker = started;
    this.#become(started.ready ? "ready" : "loading");
    this.#next();
  }

  #next() {
    if (this.#current !== null || !this.#worker?.ready || this.#queue.length === 0) return;
    this.#current = this.#queue.shift();
    if (this.#worker.interrupt !== null) this.#worker.interrupt[0] = 0;
    const { address, args } = this.#current;
    this.#worker.worker.postMessage({ kind: "call", address, args });
    this.#become("running");
    if (!this.isolated) {
      this.#timer = setTimeout(() => {
        this.#spare ??= this.#start();
      }, LONG_MS);
    }
  }

  #hear(from, message) {
    if (from.ended) return;
    if (message.kind === "ready") from.ready = true;
    if (from !== this.#worker) {
      // A spare that can't start is none: when it is needed, another one is tried.
      if (from === this.#spare && ["died", "failed"].includes(message.kind)) {
        from.end();
        this.#spare = null;
      }
      return;
    }
    const call = this.#current;
    switch (message.kind) {
      case "ready":
        this.#become("ready");
        this.#next();
        break;
      case "event":
        call?.tell(JSON.parse(message.event));
        break;
      case "output":
        call?.output(message);
        break;
      case "result":
        this.#settle(() => call.resolve(JSON.parse(message.value)));
        break;
      case "stopped":
        this.#settle(() => call.reject(new Stopped(message.line)));
        break;
      case "error":
        this.#settle(() => call.reject(new Error(message.message)));
        break;
      case "died":
        if (from.ready) this.#replace(new Died(message.message));
        else this.#fail(message.message);
        break;
      case "failed":
        this.#fail(message.message);
        break;
    }
  }

  #settle(settled) {
    clearTimeout(this.#timer);
    this.#current = null;
    this.#become("ready");
    settled();
    this.#next();
  }

  #replace(reason) {
    clearTimeout(this.#timer);
    const call = this.#current;
    this.#worker.end();
    this.replaced += 1;
    this.#current = null;
    const next = this.#spare ?? this.#start();
    this.#spare = null;
    this.#use(next);
    call?.reject(reason);
  }

  #fail(message) {
    this.#worker.end();
    this.#become("failed");
    const error = new Error(`Python could not be started: ${message}`);
    this.#current?.reject(error);
    this.#current = null;
    for (const waiting of this.#queue.splice(0)) waiting.reject(error);
  }

  #become(state) {
    this.#state = state;
    for (const watcher of [...this.#watchers]) watcher(state);
  }
}
