/** What Python needs in the browser: Pyodide, NumPy and dxdw, each file by its name. */
import { readdir, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { LAB, pinned, ROOT } from "./files.mjs";

const PYODIDE = dirname(createRequire(import.meta.url).resolve("pyodide/package.json"));
const NUMPY = join(ROOT, "build", "wasm"); // where native/wasm/numpy_wheel.py puts it
const DXDW = join(ROOT, "dist"); // where `make wasm` puts it

export async function pythonFiles() {
  const pins = JSON.parse(await readFile(join(LAB, "pins.json"), "utf8"));
  const found = new Map();
  for (const [name, digest] of Object.entries(pins.pyodide)) {
    const content = await pinned(join(PYODIDE, name), digest);
    if (!name.endsWith(".mjs")) found.set(name, content); // those are bundled into the worker
  }
  const { file, sha256 } = pins.numpy;
  found.set(file, await pinned(join(NUMPY, file), sha256));
  const [wheel] = (await readdir(DXDW)).filter((name) => /^dxdw-.*_wasm32\.whl$/.test(name));
  if (wheel === undefined) throw new Error(`${DXDW} has no wheel of dxdw for the browser: make wasm`);
  found.set(wheel, await readFile(join(DXDW, wheel)));
  return found;
}
