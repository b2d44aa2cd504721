/**
 * Where a key leads in an array that is drawn as planes of rows and columns: the place, or null where
 * the key is none of these. Past the left or right edge of a plane is the one beside it.
 */
export function neighbour(place, key, shape) {
  const [rows, columns] = shape.slice(-2);
  const last = shape.slice(0, -2).reduce((all, one) => all * one, 1) - 1;
  const plane = Math.floor(place / (rows * columns));
  const i = Math.floor(place / columns) % rows;
  const j = place % columns;
  const at = (p, column) => (p * rows + i) * columns + column;
  switch (key) {
    case "ArrowLeft":
      return j > 0 ? place - 1 : plane > 0 ? at(plane - 1, columns - 1) : place;
    case "ArrowRight":
      return j < columns - 1 ? place + 1 : plane < last ? at(plane + 1, 0) : place;
    case "ArrowUp":
      return i > 0 ? place - columns : place;
    case "ArrowDown":
      return i < rows - 1 ? place + columns : place;
    case "Home":
      return at(plane, 0);
    case "End":
      return at(plane, columns - 1);
    default:
      return null;
  }
}
