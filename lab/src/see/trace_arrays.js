/** How code that goes from array to array is traced: `names` are the arrays that the function takes. */
export const arraysMade = (name, names) => (state, code) => [
  "practice.trace_arrays:arrays_made",
  {
    code,
    function: name,
    arrays: Object.fromEntries(names.map((one) => [one, unwrapped(state.arrays[one].toLists())])),
  },
];

/** One row is a vector, as the examples of the problems have it. */
const unwrapped = (lists) => (lists.length === 1 && !Array.isArray(lists[0][0]) ? lists[0] : lists);
