/** The figures of the page, measured: `node tests/figures.mjs`. Medians of five. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  ended,
  enter,
  FOLDER,
  items,
  launch,
  open,
  pythonReady,
  run,
  runButton,
  serve,
  stopButton,
} from "./lab.mjs";

const ROUNDS = 5;
const LOOP = "def conv2d_backward(grad_out, x, W):\n    while True:\n        pass\n";
const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];
const rows = [];

async function measured(what, goal, measure) {
  const values = [];
  for (let round = 0; round < ROUNDS; round++) values.push(await measure());
  rows.push({
    what,
    goal,
    median: `${Math.round(median(values))} ms`,
    all: values.map(Math.round).join(" "),
  });
}

const browser = await launch();
for (const isolated of [true, false]) {
  const server = await serve({ isolated });
  const kind = isolated ? "isolated" : "not isolated";
  const fresh = () => open(browser, server.address);
  await measured(`usable, ${kind}`, "< 1000 ms", async () => {
    const { page, context } = await fresh();
    const time = await page.evaluate(() => performance.getEntriesByName("usable")[0].startTime);
    await context.close();
    return time;
  });
  await measured(`first run pressed as the page opens, ${kind}`, "< 6000 ms", async () => {
    const { page, context } = await fresh();
    const before = await page.evaluate(() => performance.now());
    const began = performance.now();
    await run(page);
    const time = before + performance.now() - began;
    if (!(await items(page).first().innerText()).startsWith("passed")) throw new Error("it did not run");
    await context.close();
    return time;
  });
  const { page } = await fresh();
  await pythonReady(page);
  await measured(`a later run, ${kind}`, "< 1000 ms", async () => {
    const began = performance.now();
    await run(page);
    return performance.now() - began;
  });
  await measured(`Stop, ${kind}`, "< 1000 ms", async () => {
    await pythonReady(page);
    await enter(page, "05", LOOP);
    await runButton(page).click();
    await page.waitForTimeout(1500);
    const began = performance.now();
    await stopButton(page).click();
    await ended(page);
    return performance.now() - began;
  });
  await measured(`ready again after Stop, ${kind}`, "", async () => {
    await pythonReady(page);
    await runButton(page).click();
    await page.waitForTimeout(3000);
    const began = performance.now();
    await stopButton(page).click();
    await pythonReady(page);
    return performance.now() - began;
  });
  server.end();
}
await browser.close();
const { files } = JSON.parse(readFileSync(join(FOLDER, "manifest.json"), "utf8"));
const bytes = Object.values(files).reduce((sum, file) => sum + file.bytes, 0);
rows.push({ what: "served", goal: "≤ 18 MB", median: `${(bytes / 1e6).toFixed(2)} MB`, all: "" });
console.table(rows);
