/** A test that is not reported is no test that passed: what all.mjs says of files that lose some. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { LAB } from "../building/files.mjs";

const FILES = {
  "all of them pass": 'test("one", () => {}); test("two", () => {});',
  "did not come to its end":
    'test("one", () => {}); test("two", () => process.exit(0)); test("three", () => {});',
  "ended with 1": 'test("one", () => { throw new Error(); });',
};

/** The exit status and the words of all.mjs for a file with these tests. */
function ran(tests) {
  const folder = mkdtempSync(join(tmpdir(), "dxdw-tests-"));
  const file = join(folder, "some.test.mjs");
  writeFileSync(file, `import { test } from "node:test";\n${tests}\n`);
  const environment = { ...process.env, NODE_TEST_CONTEXT: undefined };
  const { status, stdout } = spawnSync(process.execPath, [join(LAB, "tests", "all.mjs"), file], {
    encoding: "utf8",
    env: environment,
  });
  rmSync(folder, { recursive: true });
  return { status, stdout };
}

for (const [why, tests] of Object.entries(FILES)) {
  test(`of a file: ${why}`, () => {
    const right = why === "all of them pass";
    const { status, stdout } = ran(tests);
    assert.equal(status, right ? 0 : 1, stdout);
    assert.ok(right ? stdout.includes("2 of 2 tests passed") : stdout.includes(why), stdout);
  });
}

test("what is skipped is said to be", () => {
  const { status, stdout } = ran('test("one", () => {}); test.skip("two", () => {});');
  assert.equal(status, 0, stdout);
  assert.ok(stdout.includes("1 of 2 tests passed, 1 skipped"), stdout);
});

test("no file at all is no success", () => {
  const folder = mkdtempSync(join(tmpdir(), "dxdw-tests-"));
  const { status } = spawnSync(process.execPath, [join(LAB, "tests", "all.mjs"), `--folder=${folder}`]);
  rmSync(folder, { recursive: true });
  assert.equal(status, 1);
});
