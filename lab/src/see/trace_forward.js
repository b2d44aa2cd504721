/** How code of a forward pass is traced: a scene's `trace`, with `names` the arrays it takes first. */
export function forwardTrace(name, names, shape) {
  return {
    results: ["out"],
    shape,
    ask: (state, code) => [
      "practice.trace:trace_forward",
      {
        code,
        function: name,
        arrays: Object.fromEntries(names.map((one) => [one, state.arrays[one].toLists()])),
        options: Object.values(state.options),
        shape: shape(state),
      },
    ],
  };
}
