/**
 * Runs the tests, a process for each file: `node tests/all.mjs [--folder=tests/webkit] [FILE ...]`.
 *
 * A file counts as passed if it has ended by itself, has said how many tests it has, and has reported each of
 * them as passed, or as skipped with its reason. Node's own runner, made to exit when it thinks it is done, once left out a file's tests, and
 * was green.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";

const HERE = fileURLToPath(new URL(".", import.meta.url));
const FILE_MS = 1_800_000; // a file that has not ended by then is ended
const TEST_MS = 600_000;
const IDLE_MS = 120_000;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { folder: { type: "string", default: HERE } },
});
const files = positionals.length
  ? positionals
  : readdirSync(values.folder)
      .filter((name) => name.endsWith(".test.mjs"))
      .sort()
      .map((name) => join(values.folder, name));

const scratch = mkdtempSync(join(tmpdir(), "dxdw-tests-"));
process.on("exit", () => rmSync(scratch, { recursive: true, force: true }));
const rows = [];
for (const file of files) rows.push(await ran(file));
console.table(rows);
const wrong = rows.filter(({ why }) => why);
const sum = (key) => rows.reduce((all, row) => all + row[key], 0);
const skipped = sum("skipped") ? `, ${sum("skipped")} skipped` : "";
console.log(`${sum("passed")} of ${sum("tests")} tests passed${skipped}, in ${rows.length} files`);
if (wrong.length || rows.length === 0) process.exitCode = 1;

async function ran(file) {
  const report = join(scratch, `${basename(file)}.jsonl`);
  const counting = pathToFileURL(join(HERE, "counting.mjs")).href;
  const reporters = ["spec", "stdout", counting, report].map(
    (value, n) => `--test-reporter${n % 2 ? "-destination" : ""}=${value}`,
  );
  const child = spawn(process.execPath, [`--test-timeout=${TEST_MS}`, ...reporters, file], {
    stdio: ["ignore", "inherit", "inherit"],
    timeout: FILE_MS,
    killSignal: "SIGKILL", // Node's tests wait at any other
  });
  const watch = setInterval(() => stuck(report) && child.kill("SIGKILL"), 5000);
  const code = await new Promise((resolve) =>
    child.on("close", (status, signal) => resolve(signal ?? status)),
  );
  clearInterval(watch);
  return { file: basename(file), ...told(report, code) };
}

/** Whether a test has failed, and nothing more has been told since: what it left open may go on for ever. */
function stuck(report) {
  const failed = events(report).some(({ kind }) => kind === "fail");
  return failed && Date.now() - statSync(report).mtimeMs > IDLE_MS;
}

function events(report) {
  try {
    const whole = readFileSync(report, "utf8").split("\n").slice(0, -1); // the last is empty, or cut
    return whole.map(JSON.parse);
  } catch {
    return []; // nothing was written yet
  }
}

/** What a file reported: how many tests it has and how many passed, and why that is no success. */
function told(report, code) {
  const found = events(report);
  const plan = found.find(({ kind }) => kind === "plan");
  const count = (wanted) => found.filter(({ kind }) => kind === wanted).length;
  const [passed, skipped] = [count("pass"), count("skip")];
  const tests = plan?.count ?? 0;
  const why =
    code !== 0
      ? `ended with ${code}`
      : !plan
        ? "did not come to its end"
        : tests === 0
          ? "has no tests"
          : passed + skipped !== tests
            ? "some are not reported"
            : "";
  return { tests, passed, skipped, why };
}
