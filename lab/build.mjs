/**
 * Builds the page into build/lab, for any static server, and into build/dxdw-lab.html, one file that
 * needs none. `manifest.json` in the folder names every file with its SHA-256.
 */
import { createHash } from "node:crypto";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import * as bundles from "./building/bundles.mjs";
import { LAB, ROOT, sha256, write } from "./building/files.mjs";
import { faces, fonts } from "./building/fonts.mjs";
import { licences } from "./building/licences.mjs";
import { pythonFiles } from "./building/python.mjs";
import { catalogue, policy } from "./building/texts.mjs";

const FOLDER = join(ROOT, "build", "lab");
const ONE_FILE = join(ROOT, "build", "dxdw-lab.html");
const MOST_BYTES = 12e6;

const python = await pythonFiles();
const worker = await bundles.worker();
python.set("worker.js", Buffer.from(worker.script));
const series = await catalogue();
const letters = await fonts(
  series.problems.flatMap(({ statement, examples, hints }) => [statement, examples, ...hints]),
);
const rules = await policy();
// The icon is in the page: browsers ask for it again with each new fragment, also where they can't.
const icon = await readFile(join(LAB, "src", "icon.svg"), "utf8");
const template = (await readFile(join(LAB, "src", "index.html"), "utf8")).replace(
  'href="icon.svg"',
  `href="data:image/svg+xml,${encodeURIComponent(icon)}"`,
);
const served = Array.from(python, ([name, content]) => {
  // Not every server compresses what it sends. Archives are compressed already.
  const smaller = gzipSync(content, { level: 9 });
  const packed = smaller.length < 0.9 * content.length;
  return { name, packed, content: packed ? smaller : content };
});
const listed = served.map(({ name, packed, content }) => ({
  name,
  packed,
  sha256: createHash("sha256").update(content).digest("base64"),
}));

await folder();
await oneFile();

async function folder() {
  const { script, style, inputs } = await bundles.page(series, listed, "served");
  const files = new Map([
    ["index.html", template.replace("%POLICY%", rules.join("; ")).replace("%FONTS%", preloads())],
    ["page.css", faces(letters, ({ file }) => `fonts/${file}`) + style],
    ["page.js", script],
    [
      "licences.txt",
      await licences([...worker.inputs, ...inputs, ...letters.map(({ path }) => `node_modules/${path}`)]),
    ],
    ...letters.map(({ file, content }) => [`fonts/${file}`, content]),
    ...served.map(({ name, packed, content }) => [`python/${name}${packed ? ".packed" : ""}`, content]),
  ]);
  await rm(FOLDER, { recursive: true, force: true });
  const manifest = {};
  let bytes = 0;
  for (const [name, text] of files) {
    const content = Buffer.from(text);
    manifest[name] = { bytes: content.length, sha256: sha256(content) };
    bytes += content.length;
    await write(join(FOLDER, name), content);
  }
  await write(join(FOLDER, "manifest.json"), `${JSON.stringify({ files: manifest }, null, 2)}\n`);
  console.log(`${FOLDER}: ${files.size} files, ${(bytes / 1e6).toFixed(1)} MB`);
  if (bytes > MOST_BYTES) throw new Error(`the page has ${bytes} bytes, more than ${MOST_BYTES}`);
}

/** Fonts are asked for with the page: what is drawn before they are there would move. */
function preloads() {
  return letters
    .map(({ file }) => `<link rel="preload" as="font" type="font/woff2" href="fonts/${file}" crossorigin />`)
    .join("\n    ");
}

async function oneFile() {
  const { script, style } = await bundles.page(series, listed, "inlined");
  // A script in the page must not hold what would end it.
  const code = script.replaceAll("</script", "<\\/script");
  const digest = createHash("sha256").update(code).digest("base64");
  const own = {
    "script-src": `'sha256-${digest}' 'wasm-unsafe-eval'`,
    "connect-src": "'none'",
    "style-src": "'unsafe-inline'",
    "font-src": "data:",
  };
  const inner = rules.map((rule) => {
    const [name] = rule.split(" ");
    return name in own ? `${name} ${own[name]}` : rule;
  });
  const fontRules = faces(letters, ({ content }) => `data:font/woff2;base64,${content.toString("base64")}`);
  const data = Array.from(python, ([name, content]) => {
    const packed = gzipSync(content, { level: 9 }).toString("base64");
    return `<script type="application/octet-stream" id="python/${name}">${packed}</script>`;
  });
  const text = template
    .replace("%POLICY%", inner.join("; "))
    .replace("%FONTS%", "")
    .replace('<link rel="stylesheet" href="page.css" />', () => `<style>${fontRules}${style}</style>`)
    .replace('<script type="module" src="page.js"></script>', "")
    .replace("</body>", () => `${data.join("\n")}\n<script type="module">${code}</script>\n</body>`);
  await write(ONE_FILE, text);
  console.log(`${ONE_FILE}: ${(Buffer.byteLength(text) / 1e6).toFixed(1)} MB`);
}
