/** The page's four typefaces, each cut down to the characters it is used for. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import subset from "subset-font";
import { LAB } from "./files.mjs";

const MODULES = join(LAB, "node_modules");
const LATIN = "fontsource-variable/source-";

/**
 * `[name, weight, style, file]`. Of the first three the package's own Latin subset is taken. The whole
 * font of formulas has 400 kB: of it only what the texts use, with the sizes that brackets and sums grow to.
 */
const FACES = [
  ["Source Serif 4", "200 900", "normal", `@${LATIN}serif-4/files/source-serif-4-latin-wght-normal.woff2`],
  ["Source Serif 4", "200 900", "italic", `@${LATIN}serif-4/files/source-serif-4-latin-wght-italic.woff2`],
  ["Source Sans 3", "200 900", "normal", `@${LATIN}sans-3/files/source-sans-3-latin-wght-normal.woff2`],
  ["Source Code Pro", "200 900", "normal", `@${LATIN}code-pro/files/source-code-pro-latin-wght-normal.woff2`],
];
const MATHEMATICS = [
  "STIX Two Math",
  "400",
  "normal",
  "@fontsource/stix-two-math/files/stix-two-math-latin-400-normal.woff2",
];
// In the page's own words and pictures, where formulas are written in code.
const ALWAYS = "0123456789ΣΠ∂Δαβεθλμσ·×−±≤≥≠≈→←∞⌊⌋½₀₁₂⁰¹²³⁴⁵⁶⁷⁸⁹⁻";
// A letter alone in a formula is drawn by its italic form, which is a character of its own.
const ITALIC = `ℎ${Array.from({ length: 52 }, (_, n) => String.fromCodePoint(0x1d434 + n)).join("")}`;

/** The faces as `{ name, weight, style, file, content }`, for texts of HTML with formulas. */
export async function fonts(texts) {
  const found = [];
  for (const [name, weight, style, path] of FACES) {
    found.push({ name, weight, style, path, content: await readFile(join(MODULES, path)) });
  }
  const [name, weight, style, path] = MATHEMATICS;
  const whole = await readFile(join(MODULES, path));
  const formulas = texts.flatMap((text) => text.match(/<math[\s\S]*?<\/math>/g) ?? []);
  const content = await subset(whole, [ALWAYS, ITALIC, ...formulas].join(""), { targetFormat: "woff2" });
  found.push({ name, weight, style, path, content });
  return found.map((face) => ({ ...face, file: face.path.split("/").at(-1) }));
}

/** The rules of the style sheet; `address(face)` says where a face is. */
export function faces(all, address) {
  return all
    .map(
      (face) =>
        `@font-face{font-family:"${face.name}";font-weight:${face.weight};font-style:${face.style};` +
        `font-display:block;src:url(${address(face)}) format("woff2")}`,
    )
    .join("");
}
