/** 200 reports are the same in the page as in CPython, but for times and the wording of tracebacks. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { LAB, PYTHON } from "../building/files.mjs";
import { opened, pythonReady } from "./lab.mjs";

/** Without what differs between two runs, or two versions of Python: times, and how a traceback looks. */
function comparable(value) {
  if (Array.isArray(value)) return value.map(comparable);
  if (value === null || typeof value !== "object") return value;
  const kept = Object.entries(value).filter(([key]) => key !== "seconds" && key !== "trace");
  return Object.fromEntries(kept.map(([key, part]) => [key, comparable(part)]));
}

test("the same reports as in CPython", async (t) => {
  const here = execFileSync(PYTHON, [join(LAB, "tests", "reports.py")], { maxBuffer: 1 << 28 });
  const wanted = JSON.parse(here);
  assert.equal(wanted.length, 200);
  const { page, clean } = await opened(t);
  await pythonReady(page);
  const found = await page.evaluate(
    async (programs) => {
      const all = [];
      for (const [number, code] of programs) {
        const events = [];
        await globalThis.dxdw.python.call(
          "practice.running:run",
          { number, code },
          { tell: (event) => events.push(event) },
        );
        all.push(events);
      }
      return all;
    },
    wanted.map(({ number, code }) => [number, code]),
  );
  const differ = wanted.flatMap(({ number, code, events }, place) => {
    try {
      assert.deepEqual(comparable(found[place]), comparable(events));
      return [];
    } catch (error) {
      return [`${number}\n${code}\n${error.message}`];
    }
  });
  assert.deepEqual(differ, []);
  clean();
});
