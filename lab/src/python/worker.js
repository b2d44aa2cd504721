/**
 * The worker: Pyodide, NumPy and dxdw from files that the page hands over, so that nothing is fetched
 * from anywhere, and a worker that follows another needs no network.
 */
import { loadPyodide } from "pyodide";
import createPyodide from "pyodide/pyodide.asm.mjs";

const MOST_MEMORY = 1 << 30; // bytes; past it Python raises MemoryError, and the tab lives
const LEARNERS_LINE = /File "practice\.py", line (\d+)/g;

const grow = WebAssembly.Memory.prototype.grow;
WebAssembly.Memory.prototype.grow = function (pages) {
  if (this.buffer.byteLength + pages * 65536 > MOST_MEMORY) throw new RangeError("memory is limited");
  return grow.call(this, pages);
};

const post = (kind, more) => self.postMessage({ kind, ...more });

let call = null;

async function start(files, interrupt) {
  self.fetch = async (address) => {
    const name = String(address).split("/").at(-1);
    const file = files[name];
    if (file === undefined) throw new TypeError(`${name} is none of the page's files`);
    const type = name.endsWith(".wasm") ? "application/wasm" : "application/octet-stream";
    return new Response(file, { headers: { "content-type": type } });
  };
  const pyodide = await loadPyodide({
    indexURL: "https://page.invalid/", // of which only the names of files are looked at, above
    createPyodideModule: createPyodide,
    stdin: () => null,
    env: { PYTHONDONTWRITEBYTECODE: "1" },
  });
  const wheels = Object.keys(files).filter((name) => name.endsWith(".whl"));
  await pyodide.loadPackage(
    wheels.map((name) => `https://page.invalid/${name}`),
    { messageCallback: () => {} },
  );
  if (interrupt !== null) pyodide.setInterruptBuffer(new Uint8Array(interrupt));
  const { call: ask } = pyodide.pyimport("dxdw.lab.calls");
  pyodide.pyimport("dxdw.practice"); // what the first call would wait for
  const tell = (event) => post("event", { event });
  const printed = (text, dropped) => post("output", { text, dropped });
  call = (address, args) => ask(address, args, tell, printed);
}

function answer({ address, args }) {
  try {
    post("result", { value: call(address, args) });
  } catch (error) {
    if (error.type === "KeyboardInterrupt") {
      const lines = [...error.message.matchAll(LEARNERS_LINE)];
      post("stopped", { line: Number(lines.at(-1)?.[1] ?? 0) });
    } else if (error.type) {
      post("error", { message: error.message.trim().split("\n").at(-1) });
    } else {
      post("died", { message: String(error.message ?? error) }); // the interpreter's own end
    }
  }
}

self.addEventListener("message", async ({ data }) => {
  if (data.kind === "call") {
    answer(data);
    return;
  }
  try {
    await start(data.files, data.interrupt);
    post("ready");
  } catch (error) {
    post("failed", { message: String(error.message ?? error) });
  }
});
