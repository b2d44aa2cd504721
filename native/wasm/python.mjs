// Python as a page has it, under node: node python.mjs [-m MODULE | FILE] [ARGUMENT ...]
//
// With NumPy, dxdw's own wheel and pytest. The checkout lies where it lies outside, so that a path
// means the same on both sides.
import { loadPyodide } from "pyodide";
import { checkout, needed, pure } from "./places.mjs";

const { CI } = process.env; // of which hypothesis' examples depend
const env = { HOME: "/home/pyodide", ...(CI && { CI }) };
const pyodide = await loadPyodide({ env });
await pyodide.loadPackage([...new Set([...needed, ...pure])], { messageCallback: () => {} });
pyodide.mountNodeFS(checkout, checkout);
const run = pyodide.runPython(`
import os, runpy, sys, traceback

def run(folder, program):
    os.chdir(folder)
    if module := program[0] == "-m":
        program = program[1:]
    sys.argv = program
    sys.path[:0] = [
        folder if module else os.path.dirname(program[0]),
        f"{folder}/tests/support",
        f"{folder}/tests/engines",
    ]
    try:
        if module:
            runpy.run_module(program[0], run_name="__main__", alter_sys=True)
        else:
            runpy.run_path(program[0], run_name="__main__")
    except SystemExit as ended:
        if isinstance(ended.code, str):
            print(ended.code, file=sys.stderr)
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:
        traceback.print_exc()
        return 1
    return 0

run
`);
process.exitCode = run(checkout, pyodide.toPy(process.argv.slice(2)));
