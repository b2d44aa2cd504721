/** Nothing is asked of anywhere else; offline all goes on; and one file alone is enough. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import {
  ended,
  enter,
  launch,
  ONE_FILE,
  open,
  pythonReady,
  run,
  runButton,
  STOP_MS,
  serve,
  stopButton,
  summary,
} from "./lab.mjs";

const LOOP = "def conv2d_backward(grad_out, x, W):\n    while True:\n        pass\n";

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

for (const isolated of [true, false]) {
  test(`offline after it has loaded, ${isolated ? "isolated" : "not isolated"}: run, stop, and run again`, async (t) => {
    const server = await serve({ isolated });
    t.after(() => server.end());
    const lab = await open(browser, server.address);
    await pythonReady(lab.page);
    await lab.context.setOffline(true);
    server.end();
    const first = await run(lab.page);
    assert.match(first.summary, /of 5 tests pass/);
    await enter(lab.page, "05", LOOP);
    await runButton(lab.page).click();
    await lab.page.waitForTimeout(500);
    await stopButton(lab.page).click();
    await ended(lab.page);
    await enter(lab.page, "03", "");
    const second = await run(lab.page);
    assert.match(second.verdict, /there is no max_pool_2d/);
    lab.clean();
    await lab.context.close();
  });
}

test("one file, from the file system", async () => {
  const lab = await open(browser, pathToFileURL(ONE_FILE).href);
  await pythonReady(lab.page);
  const { items } = await run(lab.page);
  assert.match(items[0], /^passed/);
  await enter(lab.page, "05", LOOP);
  await runButton(lab.page).click();
  await lab.page.waitForTimeout(1500);
  await stopButton(lab.page).click();
  await ended(lab.page, STOP_MS);
  assert.match(await summary(lab.page).innerText(), /^Stopped/);
  lab.clean();
  await lab.context.close();
});

test("the work is kept, and a link brings code without running it", async (t) => {
  const server = await serve();
  t.after(() => server.end());
  const lab = await open(browser, server.address);
  await enter(lab.page, "05", "mine = 1\n");
  await lab.page.reload();
  assert.match(await lab.page.getByRole("textbox", { name: "Your code" }).innerText(), /mine = 1/);
  await lab.page.getByRole("link", { name: /^03/ }).click();
  await lab.page.getByRole("heading", { name: "Max pooling", level: 1 }).waitFor();
  await lab.page.getByRole("link", { name: /^05/ }).click();
  await lab.page.getByRole("heading", { name: "Convolution backward", level: 1 }).waitFor();
  assert.match(await lab.page.getByRole("textbox", { name: "Your code" }).innerText(), /mine = 1/);
  // What is copied is looked at on its way: not every browser lets a driver read the clipboard.
  await lab.page.evaluate(() => {
    navigator.clipboard.writeText = async (text) => {
      globalThis.copied = text;
    };
  });
  await lab.page.getByRole("button", { name: "Copy a link" }).click();
  await lab.page.getByRole("button", { name: "Copied" }).waitFor();
  const address = await lab.page.evaluate(() => globalThis.copied);
  const other = await open(browser, address);
  assert.match(await other.page.getByRole("textbox", { name: "Your code" }).innerText(), /mine = 1/);
  await pythonReady(other.page);
  assert.doesNotMatch(await summary(other.page).innerText(), /pass|there is no/);
  lab.clean();
  other.clean();
});
