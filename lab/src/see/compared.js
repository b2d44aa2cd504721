import { shown } from "./numbers.js";

const SMALL = 1e-9;

/** Marks what is not the reference's. Null where nothing is, else "differs" or "shape". */
export function compared(array, reference, marks) {
  if (array.shape.join() !== reference.shape.join()) return "shape";
  let verdict = null;
  array.data.forEach((value, place) => {
    if (reference.come && !reference.come.has(place)) return;
    const wanted = reference.data[place];
    if (Math.abs(value - wanted) <= SMALL * Math.max(1, Math.abs(wanted))) return;
    marks.set(place, { ...marks.get(place), wrong: `not ${shown(wanted)}` });
    verdict = "differs";
  });
  return verdict;
}
