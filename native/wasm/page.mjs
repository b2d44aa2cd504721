// Runs a Python program in a page of Chromium, with what a page with dxdw has: node page.mjs FILE
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { basename, extname, join } from "node:path";
import { chromium } from "playwright-core";
import { needed, runtime } from "./places.mjs";

const TYPES = {
  "": "text/html",
  ".json": "application/json",
  ".mjs": "text/javascript",
  ".wasm": "application/wasm",
};
// Cross-origin isolated, so that the clock has steps of 5 µs and not of 100.
const ISOLATED = {
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-embedder-policy": "require-corp",
};

function found(name) {
  if (name === "") return `<!doctype html><title>dxdw</title><link rel="icon" href="data:,">`;
  const wheel = needed.find((path) => basename(path) === name);
  return readFileSync(wheel ?? join(runtime, name));
}

const server = createServer((request, response) => {
  const name = basename(request.url);
  try {
    const body = found(name);
    const type = TYPES[extname(name)] ?? "application/octet-stream";
    response.writeHead(200, { "content-type": type, ...ISOLATED }).end(body);
  } catch {
    response.writeHead(404).end();
  }
});
await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
const origin = `http://127.0.0.1:${server.address().port}`;

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: process.getuid() === 0 ? ["--no-sandbox"] : [], // which root can't have
});
try {
  const page = await browser.newPage();
  page.on("console", (message) => console.log(message.text()));
  await page.goto(origin);
  await page.evaluate(
    async ({ wheels, program }) => {
      const { loadPyodide } = await import("/pyodide.mjs");
      const pyodide = await loadPyodide({ stdout: console.log });
      await pyodide.loadPackage(wheels, { messageCallback: () => {} });
      pyodide.globals.set("__name__", "__main__");
      await pyodide.runPythonAsync(program);
    },
    {
      wheels: needed.map((path) => `${origin}/${basename(path)}`),
      program: readFileSync(process.argv[2], "utf8"),
    },
  );
} finally {
  await browser.close();
  server.close();
}
