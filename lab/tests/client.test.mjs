/** The page's side of Python, with workers that say what a test has them say. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Python } from "../src/python/client.js";

/** A worker that is told what to answer: `answer(message)` as it would come from it. */
class Told extends EventTarget {
  posted = [];
  ended = false;
  postMessage(message) {
    this.posted.push(message);
  }
  terminate() {
    this.ended = true;
  }
  answer(message) {
    this.dispatchEvent(Object.assign(new Event("message"), { data: message }));
  }
}

/** Python without shared memory, and its workers in the order in which they were started. */
async function started(t) {
  const workers = [];
  const before = globalThis.Worker;
  globalThis.Worker = class extends Told {
    constructor() {
      super();
      workers.push(this);
    }
  };
  t.after(() => {
    globalThis.Worker = before;
  });
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const python = new Python();
  python.start(async () => ({ source: new Blob([]), files: {} }));
  await settled();
  workers[0].answer({ kind: "ready" });
  return { python, workers };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

test("a spare worker is there when a long call is stopped", async (t) => {
  const { python, workers } = await started(t);
  const call = python.call("a:b");
  t.mock.timers.tick(1000);
  await settled();
  assert.equal(workers.length, 2);
  workers[1].answer({ kind: "ready" });
  python.stop();
  await assert.rejects(call, { message: "stopped" });
  assert.ok(workers[0].ended);
  assert.equal(python.state, "ready");
});

for (const kind of ["failed", "died"]) {
  test(`a spare worker that has ${kind} is not waited for: another one is started`, async (t) => {
    const { python, workers } = await started(t);
    const call = python.call("a:b");
    t.mock.timers.tick(1000);
    await settled();
    workers[1].answer({ kind, message: "no memory" });
    assert.equal(python.state, "running", "the call goes on");
    python.stop();
    await assert.rejects(call, { message: "stopped" });
    await settled();
    assert.equal(workers.length, 3);
    workers[2].answer({ kind: "ready" });
    assert.equal(python.state, "ready");
    const next = python.call("a:b");
    workers[2].answer({ kind: "result", value: "7" });
    assert.equal(await next, 7);
  });
}

test("where no worker can be started at all, that is said", async (t) => {
  const { python, workers } = await started(t);
  const call = python.call("a:b");
  t.mock.timers.tick(1000);
  await settled();
  workers[1].answer({ kind: "died", message: "no memory" });
  python.stop();
  await assert.rejects(call, { message: "stopped" });
  await settled();
  workers[2].answer({ kind: "failed", message: "no memory" });
  assert.equal(python.state, "failed");
});
