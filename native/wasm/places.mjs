// Where the parts of a Pyodide lie that `make wasm` and `make test-wasm` bring together.
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
export const checkout = dirname(dirname(here));
export const runtime = join(here, "node_modules", "pyodide");
const brought = join(checkout, "build", "wasm");

const lock = JSON.parse(readFileSync(join(runtime, "pyodide-lock.json"), "utf8"));
export const numpy = join(brought, lock.packages.numpy.file_name);

function wheels(folder, pattern) {
  const found = readdirSync(folder).filter((name) => pattern.test(name));
  if (found.length === 0) throw new Error(`no wheel ${pattern} in ${folder}: make test-wasm`);
  return found.map((name) => join(folder, name));
}

// What a page with dxdw needs, and what pytest is besides.
export const needed = [
  numpy,
  ...wheels(brought, /^array_api_compat-.*\.whl$/),
  ...wheels(join(checkout, "dist"), /^dxdw-.*_wasm32\.whl$/),
];
export const pure = wheels(brought, /-none-any\.whl$/);
