/** The licences of what the page is made of, by its packages. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { LAB, ROOT } from "./files.mjs";

const PACKAGE = /node_modules\/((?:@[^/]+\/)?[^/]+)\//;
// Within their own files: Python's in python_stdlib.zip, NumPy's in its wheel.
const WITHIN = "Python and NumPy come with their licences inside python_stdlib.zip and NumPy's wheel.\n";

/** `inputs` are paths of bundled files; those of packages count once for each. */
export async function licences(inputs) {
  const names = new Set(inputs.map((path) => path.match(PACKAGE)?.[1]).filter(Boolean));
  const parts = [`dxdw\n\n${await readFile(join(ROOT, "LICENSE"), "utf8")}`, WITHIN];
  for (const name of [...names].sort()) {
    const folder = join(LAB, "node_modules", name);
    const { version, license } = JSON.parse(await readFile(join(folder, "package.json"), "utf8"));
    const file = (await readdir(folder)).find((entry) => /^licen[cs]e/i.test(entry));
    const text = file ? await readFile(join(folder, file), "utf8") : "";
    parts.push(`${name} ${version}, ${license}\n\n${text}`);
  }
  return parts.join(`\n${"-".repeat(80)}\n\n`);
}
