/** The distribution dxdw-lab has the page in it, and `dxdw lab` finds it there. */
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { LAB, PYTHON, ROOT } from "../building/files.mjs";
import { FOLDER } from "./lab.mjs";

test("the wheel of dxdw-lab, installed", async () => {
  const folder = mkdtempSync(join(tmpdir(), "dxdw-lab-"));
  const pip = (...more) =>
    execFileSync(PYTHON, ["-m", "pip", "--disable-pip-version-check", ...more, "--quiet", "--no-deps"]);
  pip("wheel", LAB, "--wheel-dir", folder);
  const [wheel] = readdirSync(folder);
  assert.match(wheel, /^dxdw_lab-.*-py3-none-any\.whl$/);
  const site = join(folder, "site");
  pip("install", join(folder, wheel), "--target", site);
  const path = [site, process.env.PYTHONPATH].filter(Boolean).join(delimiter);
  const server = spawn(PYTHON, ["-m", "dxdw", "lab", "--no-browser", "--port", "0"], {
    env: { ...process.env, PYTHONPATH: path },
    stdio: ["ignore", "pipe", "inherit"],
  });
  for await (const line of createInterface(server.stdout)) {
    const [address] = line.match(/http:\/\/127\.0\.0\.1:\d+\//);
    const response = await fetch(address);
    assert.equal(response.status, 200);
    assert.match(await response.text(), /<title>dxdw lab<\/title>/);
    break;
  }
  server.kill("SIGINT");
  rmSync(folder, { recursive: true });
});

test("the guide says how much is served", () => {
  const { files } = JSON.parse(readFileSync(join(FOLDER, "manifest.json"), "utf8"));
  const bytes = Object.values(files).reduce((sum, file) => sum + file.bytes, 0);
  const guide = readFileSync(join(ROOT, "docs", "howto", "lab.md"), "utf8");
  const [, said] = guide.match(/all files together \| ([\d.]+) MB/);
  assert.ok(Math.abs(said * 1e6 - bytes) < 1e5, `${said} MB, and not ${bytes} bytes`);
});
