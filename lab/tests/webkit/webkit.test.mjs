/**
 * The page in WebKit: WebKitGTK's own small browser, by its driver. There is no screen for it on a server:
 * `xvfb-run` gives one. The other tests need more than that driver can do; these are their heart.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Builder, By, Key } from "selenium-webdriver";
import { CATALOGUE, serve } from "../lab.mjs";

const LIBRARIES = "/usr/lib";
const BROWSER = process.env.MINIBROWSER || installed();
const LOOP = "def conv2d_backward(grad_out, x, W):\n    while True:\n        pass\n";
const overwrites = CATALOGUE.problems[4].wrong_answers.find(({ cause }) => cause === "dx-overwritten").code;

/** WebKitGTK's browser, in whichever folder of libraries it is: a cross compiler brings those of others. */
function installed() {
  const places = readdirSync(LIBRARIES).map((name) => join(LIBRARIES, name, "webkit2gtk-4.1", "MiniBrowser"));
  const found = places.find((place) => existsSync(place));
  assert.ok(found, `no MiniBrowser below ${LIBRARIES}: libwebkit2gtk-4.1 has it, or MINIBROWSER names one`);
  return found;
}

function freePort() {
  return new Promise((resolve) => {
    const listening = createServer().listen(0, "127.0.0.1", () => {
      const { port } = listening.address();
      listening.close(() => resolve(port));
    });
  });
}

let driver, browser, server, missing;
/** A test of the page; skipped, with the reason, where the browser doesn't start at all. */
const onPage = (name, body) => test(name, (t) => (missing ? t.skip(missing) : body(t)));

before(async () => {
  server = await serve();
  const port = await freePort();
  driver = spawn("WebKitWebDriver", [`--port=${port}`], { stdio: "ignore" });
  await new Promise((resolve) => setTimeout(resolve, 1000));
  const started = new Builder()
    .usingServer(`http://127.0.0.1:${port}`)
    .withCapabilities({
      browserName: "MiniBrowser",
      "webkitgtk:browserOptions": { binary: BROWSER, args: ["--automation"] },
    })
    .build();
  const late = new Promise((_, reject) =>
    setTimeout(reject, 60_000, Error("no answer for a minute")).unref(),
  );
  browser = await Promise.race([started, late]).catch((reason) => {
    missing = `WebKit does not start: ${reason.message}`;
  });
  if (missing) return;
  await browser.get(server.address);
  await listen();
  const { width, height } = await browser.executeScript(() => ({ width: innerWidth, height: innerHeight }));
  const outer = await browser.manage().window().getRect();
  await browser
    .manage()
    .window()
    .setRect({ width: 1280 + outer.width - width, height: 800 + outer.height - height });
});
after(async () => {
  try {
    if (browser) assert.deepEqual(await browser.executeScript(() => globalThis.complaints), []);
  } finally {
    await browser?.quit();
    driver?.kill();
    server?.end();
  }
});

/** Keep what the page complains of from here on. */
function listen() {
  return browser.executeScript(() => {
    globalThis.complaints = [];
    for (const kind of ["error", "unhandledrejection"])
      addEventListener(kind, (event) => globalThis.complaints.push(String(event.message ?? event.reason)));
  });
}

const text = async (selector) => browser.findElement(By.css(selector)).getText();
const press = async (selector) => browser.findElement(By.css(selector)).click();
// Python takes 20 s to start in a quiet machine's WebKit, and more than a minute beside three busy programs.
const until = (condition, words) => browser.wait(condition, 180_000, words);

async function enter(number, code) {
  await browser.executeScript(
    (key, value, place) => {
      localStorage.setItem(key, value);
      location.hash = place;
      location.reload();
    },
    `dxdw-lab/code/${number}`,
    JSON.stringify(code),
    number,
  );
  const ready = () =>
    document.querySelector(".python")?.dataset.state === "ready" &&
    document.querySelector(".cm-content") !== null &&
    globalThis.complaints === undefined;
  await until(() => browser.executeScript(ready).catch(() => false), "Python is ready");
  await listen();
}

async function ended() {
  await until(
    () => browser.executeScript(() => document.querySelector("button.stop").disabled),
    "the run has ended",
  );
}

async function run() {
  await press("button.run");
  await ended();
}

for (const { number, solution } of CATALOGUE.problems) {
  onPage(`${number}: the solution passes every test`, async () => {
    await enter(number, solution);
    await run();
    assert.match(await text(".verdict-head"), /Solved\s+5 of 5 tests pass/);
    assert.equal(await browser.findElement(By.css(".extra")).getAttribute("data-state"), "solved");
  });
}

onPage("a mistake is named, and all that belongs to it is in the window", async () => {
  await enter("05", overwrites);
  await run();
  assert.match(await text(".finding"), /dx is assigned where it should be added to/);
  const outside = await browser.executeScript(
    (selectors) =>
      selectors.filter((selector) => {
        const { top, left, right, bottom, width } = document.querySelector(selector).getBoundingClientRect();
        return width === 0 || top < 0 || left < 0 || right > innerWidth || bottom > innerHeight;
      }),
    [
      ".statement .formula-block:last-child math",
      ".editor",
      "button.run",
      ".verdict-head",
      ".finding .mistake",
      ".player",
    ],
  );
  assert.deepEqual(outside, []);
});

onPage("formulas are set in the font that the page brings", async () => {
  assert.equal(await browser.executeScript(() => document.fonts.check('16px "STIX Two Math"')), true);
});

onPage("the trace marks the line in the editor and the cells of the learner's arrays", async () => {
  await press(".player-row .python-button button");
  await until(async () => (await text(".trace-words")).startsWith("Traced"), "it is traced");
  for (let step = 0; step < 2; step++) await press(".player .walk:nth-of-type(4)");
  assert.match(await text(".cm-step"), /dx\[/);
  assert.equal((await browser.findElements(By.css('.yours[data-array="dx"] td.wrong'))).length, 2);
});

onPage("an endless loop is stopped by a key, and the page goes on", async () => {
  await enter("05", LOOP);
  await press("button.run");
  await browser.sleep(1500);
  const began = Date.now();
  await browser.actions().sendKeys(Key.ESCAPE).perform();
  await ended();
  assert.ok(Date.now() - began < 2000, `${Date.now() - began} ms`);
  assert.match(await text(".summary"), /^Stopped/);
});
