/** What Python needs in the browser: Pyodide, NumPy and dxdw, each file by its name. */
import { execFile } from "node:child_process";
import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { LAB, PARTS, PYTHON, pinned, ROOT, write } from "./files.mjs";

const run = promisify(execFile);
const require = createRequire(import.meta.url);
export const PYODIDE = dirname(require.resolve("pyodide/package.json"));

export async function pythonFiles() {
  const pins = JSON.parse(await readFile(join(LAB, "pins.json"), "utf8"));
  const found = new Map();
  for (const [name, digest] of Object.entries(pins.pyodide)) {
    const content = await pinned(join(PYODIDE, name), digest);
    if (!name.endsWith(".mjs")) found.set(name, content); // those are bundled into the worker
  }
  const { file, sha256 } = pins.numpy;
  found.set(file, await numpy(file, sha256, pins.numpy.carrier));
  const { name, content } = await dxdw();
  found.set(name, content);
  return found;
}

/** NumPy's wheel: the one already here, or from Pyodide's distribution, or from a wheel that has it. */
async function numpy(file, digest, carrier) {
  const kept = join(PARTS, "wheels");
  const path = join(kept, file);
  await mkdir(kept, { recursive: true });
  const sources = [() => {}, () => fromPyodide(kept), () => fromCarrier(path, carrier)];
  const failures = [];
  for (const source of sources) {
    try {
      await source();
      return await pinned(path, digest);
    } catch (error) {
      failures.push(error.message);
      await rm(path, { force: true });
    }
  }
  throw new Error(`NumPy for the browser could not be had:\n${failures.join("\n")}`);
}

/** Pyodide under Node fetches what it is asked to load, and keeps it. */
async function fromPyodide(folder) {
  console.log("fetching NumPy from Pyodide's distribution ...");
  const { loadPyodide } = await import("pyodide");
  const pyodide = await loadPyodide({ packageCacheDir: folder });
  await pyodide.loadPackage("numpy", {
    checkIntegrity: true,
    messageCallback: () => {},
    errorCallback: () => {},
  });
}

/** Some wheels of the package index carry Pyodide's files; only this one is taken out. */
async function fromCarrier(path, { requirement, python, member }) {
  console.log(`fetching NumPy from ${requirement} of the package index ...`);
  const folder = join(PARTS, "carrier");
  const options = ["--quiet", "--no-deps", "--only-binary", ":all:", "--python-version", python];
  await run(PYTHON, ["-m", "pip", "download", ...options, "--dest", folder, requirement]);
  const [wheel] = await readdir(folder);
  const extract =
    "import sys, zipfile; sys.stdout.buffer.write(zipfile.ZipFile(sys.argv[1]).read(sys.argv[2]))";
  const { stdout } = await run(PYTHON, ["-c", extract, join(folder, wheel), member], {
    encoding: "buffer",
    maxBuffer: 1 << 26,
  });
  await write(path, stdout);
  await rm(folder, { recursive: true });
}

/** dxdw's own wheel, of the working tree as it is. */
async function dxdw() {
  const folder = join(PARTS, "dxdw");
  await rm(folder, { recursive: true, force: true });
  const command = ["-m", "pip", "--disable-pip-version-check", "wheel", "--quiet", "--no-deps"];
  await run(PYTHON, [...command, "--wheel-dir", folder, ROOT], {
    env: { ...process.env, DXDW_NATIVE: "skip" },
  });
  const [name] = await readdir(folder);
  return { name, content: await readFile(join(folder, name)) };
}
