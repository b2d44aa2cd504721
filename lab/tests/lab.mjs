/** What every browser test uses: the served page, a browser that reaches nothing else, and its hands. */
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, afterEach, before } from "node:test";
import { deflateRawSync } from "node:zlib";
import axe from "axe-core";
import { chromium, firefox } from "playwright-core";
import { PYTHON, ROOT } from "../building/files.mjs";

export const FOLDER = join(ROOT, "build", "lab");
export const ONE_FILE = join(ROOT, "build", "dxdw-lab.html");
const CHROMIUM = process.env.CHROMIUM || "/usr/bin/chromium";
const FIREFOX = process.env.FIREFOX || "/usr/bin/firefox-esr";
/** The browser that the tests are run in: "chromium", or "firefox" as BROWSER has it. */
export const BROWSER = process.env.BROWSER || "chromium";

/** Stop takes 60 ms (`node tests/figures.mjs`); this long where others compute, or Python is replaced. */
export const STOP_MS = 10_000;

/** The practice series: its problems, their solutions, and typical wrong answers. */
export const CATALOGUE = JSON.parse(
  execFileSync(PYTHON, ["-m", "dxdw.practice.catalogue"], { maxBuffer: 1 << 26 }),
);

/**
 * A server and a browser for one test, and a page in it: ended with the test, also where it fails. What
 * goes on would keep the tests of its file from ending.
 */
export async function opened(t, options) {
  const server = await serve();
  t.after(() => server.end());
  const browser = await launch();
  t.after(() => browser.close());
  return open(browser, server.address, options);
}

/** A server of the built page: ours, or one that knows nothing of isolation. */
export async function serve({ isolated = true } = {}) {
  const command = isolated
    ? ["-m", "dxdw", "lab", "--folder", FOLDER, "--no-browser", "--port", "0"]
    : ["-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory", FOLDER];
  const server = spawn(PYTHON, command, { stdio: ["ignore", "pipe", "ignore"] });
  for await (const line of createInterface(server.stdout)) {
    const found = line.match(/http:\/\/127\.0\.0\.1:\d+\//);
    if (found) return { address: found[0], end: () => server.kill("SIGINT") };
  }
  throw new Error("the server has ended");
}

/** What is downloaded lies here: Firefox, driven, does not say when it has it. */
const DOWNLOADS = mkdtempSync(join(tmpdir(), "dxdw-lab-"));
process.on("exit", () => rmSync(DOWNLOADS, { recursive: true, force: true }));

/**
 * The browser; `media` is `{ colorScheme, reducedMotion }`, which Firefox is told as it is launched, because
 * its driver leaves out what Playwright asks of a page.
 */
export async function launch({ colorScheme = "light", reducedMotion = "no-preference" } = {}) {
  const downloadsPath = DOWNLOADS;
  if (BROWSER === "firefox") {
    const firefoxUserPrefs = {
      "layout.css.prefers-color-scheme.content-override": colorScheme === "dark" ? 0 : 1,
      "ui.prefersReducedMotion": reducedMotion === "reduce" ? 1 : 0,
      "browser.download.alwaysOpenPanel": false, // it would have the focus
    };
    // As it is distributed, by WebDriver BiDi.
    const options = { channel: "moz-firefox", executablePath: FIREFOX, firefoxUserPrefs, downloadsPath };
    return firefox.launch(options);
  }
  const args = process.getuid?.() === 0 ? ["--no-sandbox"] : [];
  return chromium.launch({ executablePath: CHROMIUM, args, downloadsPath });
}

/**
 * A page in a new context; of what it asks for, addresses like `without` get no answer. `clean()`
 * asserts that it asked for nothing from elsewhere and complained of nothing.
 */
export async function open(browser, address, { without = null, ...options } = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  const outside = [];
  const complaints = [];
  const origin = new URL(address).origin;
  await context.route("**/*", (route) => {
    const asked = route.request().url();
    if (asked.startsWith("blob:") || asked.startsWith("data:") || new URL(asked).origin === origin) {
      return route.continue();
    }
    outside.push(asked);
    return route.abort();
  });
  if (without !== null) await context.route(without, () => {});
  const page = await context.newPage();
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type()))
      complaints.push(`${message.text()} (${message.location().url})`);
  });
  page.on("pageerror", (error) => complaints.push(String(error)));
  await page.goto(address);
  const clean = () => {
    assert.deepEqual(outside, [], "requests to elsewhere");
    assert.deepEqual(complaints, [], "errors and warnings of the console");
  };
  return { page, context, clean, complaints };
}

/**
 * What the tests of a file share: the server, a browser for light and one for dark where they ask for it, and
 * in each one page in which Python has been started once. To start it for each test took most of their time.
 *
 * `fresh(options)` is that page with nothing of the tests before in it, `open(options)` one of its own.
 */
export function shared() {
  let server;
  const browsers = new Map(); // by what they were told of media
  const labs = new Map(); // by the colour scheme
  before(async () => {
    server = await serve();
  });
  const browser = async ({ colorScheme = "light", reducedMotion = "no-preference" }) => {
    const key = BROWSER === "firefox" ? `${colorScheme} ${reducedMotion}` : BROWSER;
    if (!browsers.has(key)) browsers.set(key, await launch({ colorScheme, reducedMotion }));
    return browsers.get(key);
  };
  const opened = async (options = {}) => open(await browser(options), server.address, options);
  afterEach(() => {
    for (const lab of labs.values()) lab.clean();
  });
  after(async () => {
    for (const one of browsers.values()) await one.close();
    server?.end();
  });
  return {
    open: opened,
    async fresh({ viewport = { width: 1280, height: 800 }, colorScheme = "light" } = {}) {
      if (!labs.has(colorScheme)) labs.set(colorScheme, await opened({ colorScheme }));
      const { page } = labs.get(colorScheme);
      await pythonReady(page);
      await page.setViewportSize(viewport);
      // A problem that is left is forgotten but for what is kept of it.
      await show(page, "digits", "Train on digits");
      await page.evaluate(() => localStorage.clear());
      await show(page, "05", "Convolution backward");
      return page;
    },
  };
}

async function show(page, place, title) {
  await page.evaluate((hash) => {
    location.hash = hash;
  }, `#${place}`);
  await page.waitForFunction((words) => document.title.startsWith(words), title);
}

/**
 * Mistakes of accessibility that axe-core finds: in a part of the page, or in all of it. It is put into the
 * page once: its Playwright package does so again for each look, into a page of its own too, and took 4 s for
 * what takes 0.3 s.
 */
export async function violations(page, part = null) {
  if (!(await page.evaluate(() => "axe" in globalThis))) await page.evaluate(axe.source);
  return page.evaluate(async (place) => {
    // A button whose ground is on its way to another has a contrast that it has for 100 ms only.
    await Promise.allSettled(document.getAnimations().map(({ finished }) => finished));
    const found = await globalThis.axe.run(place ?? document, { resultTypes: ["violations"] });
    return found.violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" | ")}`);
  }, part);
}

/** What `press` has the page download: its name, and where it lies. */
export async function downloaded(page, press, name) {
  if (BROWSER !== "firefox") {
    const waiting = page.waitForEvent("download");
    await press();
    const download = await waiting;
    assert.equal(download.suggestedFilename(), name);
    await download.saveAs(join(DOWNLOADS, name));
    return join(DOWNLOADS, name);
  }
  await press();
  const path = join(DOWNLOADS, name);
  for (let round = 0; round < 100 && !existsSync(path); round++) await page.waitForTimeout(100);
  return path;
}

/** Of elements, those of which not all is in the window, or that another covers. */
const unseenNow = (page, selectors) =>
  page.evaluate((wanted) => {
    const seen = (selector) => {
      const element = [...document.querySelectorAll(selector)].find((one) => one.checkVisibility());
      if (!element) return false;
      const { left, top, right, bottom, width, height } = element.getBoundingClientRect();
      const inside = left >= 0 && top >= 0 && right <= innerWidth && bottom <= innerHeight;
      // What a pane has scrolled out of sight is in the window all the same: ask what is drawn there.
      const drawn = [
        [left + 2, top + 2],
        [right - 2, top + 2],
        [left + 2, bottom - 2],
        [right - 2, bottom - 2],
      ].every(([x, y]) => {
        const at = document.elementFromPoint(x, y);
        return at !== null && (element.contains(at) || at.contains(element));
      });
      return width > 0 && height > 0 && inside && drawn;
    };
    return wanted.filter((selector) => !seen(selector));
  }, selectors);

/** The same once the page has settled. */
export async function unseen(page, selectors) {
  let found = await unseenNow(page, selectors);
  for (let round = 0; round < 50 && found.length; round++) {
    await page.waitForTimeout(100);
    found = await unseenNow(page, selectors);
  }
  return found;
}

/** Whether nothing is wider than the window. */
export const within = (page) => page.evaluate(() => document.documentElement.scrollWidth <= innerWidth);

export const runButton = (page) => page.getByRole("button", { name: "Run tests", exact: true });
export const stopButton = (page) => page.getByRole("button", { name: "Stop", exact: true });
export const editor = (page) => page.getByRole("textbox", { name: "Your code" });
export const items = (page) => page.getByRole("list", { name: "Tests" }).getByRole("listitem");
export const summary = (page) => page.locator(".summary");
/** What came of a run in words: the head of the verdict and what is told below it. */
export const verdict = async (page) =>
  `${await page.locator(".verdict-head").innerText()} ${await page.locator(".findings").innerText()}`
    .replace(/\s+/g, " ")
    .trim();

/** Put code into the editor, as a link does. */
export async function enter(page, number, code) {
  const packed = deflateRawSync(code).toString("base64url");
  await page.evaluate((hash) => {
    location.hash = hash;
  }, `#${number}/${packed}`);
  await page.waitForFunction((hash) => location.hash === hash, `#${number}`);
  const take = page.getByRole("button", { name: "Put it into the editor" }).first();
  if (await page.locator(".notice").count()) await take.click();
}

/** Press Run tests, wait for the end, and give the items' texts, the summary and the verdict in words. */
export async function run(page, timeout = 60_000) {
  await runButton(page).click();
  await ended(page, timeout);
  return {
    items: await items(page).allInnerTexts(),
    summary: await summary(page).innerText(),
    verdict: await verdict(page),
  };
}

/** Wait until nothing runs. */
export async function ended(page, timeout = 60_000) {
  await page.locator("button.stop:disabled").waitFor({ timeout, state: "attached" });
}

export async function pythonReady(page, timeout = 60_000) {
  const state = page.locator(".python");
  await state.and(page.locator('[data-state="ready"], [data-state="failed"]')).waitFor({ timeout });
  assert.equal(await state.innerText(), "Python is ready");
}
