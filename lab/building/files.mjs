import { createHash } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const LAB = dirname(dirname(fileURLToPath(import.meta.url)));
export const ROOT = dirname(LAB);
export const PYTHON = process.env.PYTHON ?? join(ROOT, ".venv", "bin", "python");

export const sha256 = (content) => createHash("sha256").update(content).digest("hex");

/** A file whose bytes are known in advance. */
export async function pinned(path, digest) {
  const content = await readFile(path);
  if (sha256(content) !== digest) {
    throw new Error(`${path} has SHA-256 ${sha256(content)}, and lab/pins.json says ${digest}`);
  }
  return content;
}

export async function write(path, content) {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
}
