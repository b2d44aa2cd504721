/** The scripts and the style sheet, bundled by esbuild. */
import { join } from "node:path";
import esbuild from "esbuild";
import { LAB } from "./files.mjs";

const SOURCE = join(LAB, "src");
const COMMON = {
  bundle: true,
  minify: true,
  write: false,
  metafile: true,
  target: ["chrome123", "firefox128", "safari17.5"], // the first with light-dark() and what we use
  legalComments: "inline",
  logLevel: "warning",
};

/** The worker, one classic script: it is started from a blob, also where the page is a file. */
export async function worker() {
  const { outputFiles, metafile } = await esbuild.build({
    ...COMMON,
    entryPoints: [join(SOURCE, "python", "worker.js")],
    format: "iife",
    external: ["node:*", "ws"],
    // Pyodide refuses a worker that can import scripts, for want of modules: here they are bundled.
    banner: { js: "self.importScripts = undefined;" },
    define: { "import.meta.url": '"https://page.invalid/"' },
  });
  return { script: outputFiles[0].text, inputs: Object.keys(metafile.inputs) };
}

/** The page's script and its style: `how` is "served" or "inlined", of Python's files. */
export async function page(catalogue, files, how) {
  const modules = {
    // Browsers read JSON in half the time of a script with the same object in it.
    "dxdw:catalogue": {
      contents: `export default JSON.parse(${JSON.stringify(JSON.stringify(catalogue))});`,
    },
    "dxdw:python-files": { contents: JSON.stringify(files), loader: "json" },
    "dxdw:boot": { contents: `export { ${how} as default } from "./python/${how}.js";` },
  };
  const { outputFiles, metafile } = await esbuild.build({
    ...COMMON,
    entryPoints: { page: join(SOURCE, "page", "main.js") },
    format: "esm",
    outdir: "out",
    plugins: [virtual(modules)],
  });
  const text = (extension) => outputFiles.find(({ path }) => path.endsWith(extension)).text;
  return { script: text(".js"), style: text(".css"), inputs: Object.keys(metafile.inputs) };
}

function virtual(modules) {
  return {
    name: "dxdw",
    setup(build) {
      build.onResolve({ filter: /^dxdw:/ }, ({ path }) => ({ path, namespace: "dxdw" }));
      build.onLoad({ filter: /.*/, namespace: "dxdw" }, ({ path }) => ({
        resolveDir: SOURCE,
        ...modules[path],
      }));
    },
  };
}
