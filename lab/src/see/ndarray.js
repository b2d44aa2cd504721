const product = (numbers) => numbers.reduce((all, one) => all * one, 1);

/** A number of JSON, which has no word for some. */
export const number = (value) => ({ inf: Infinity, "-inf": -Infinity })[value] ?? Number(value);

/** Numbers with a shape, row by row as NumPy keeps them. */
export class NdArray {
  constructor(shape, data = new Float64Array(product(shape))) {
    this.shape = shape;
    this.data = data;
  }

  static fromLists(lists) {
    const shape = [];
    for (let part = lists; Array.isArray(part); part = part[0]) shape.push(part.length);
    return new NdArray(shape, Float64Array.from(lists.flat(Infinity), number));
  }

  /** Elements by a function of their place in `data`. */
  static filled(shape, value) {
    return new NdArray(
      shape,
      Float64Array.from({ length: product(shape) }, (_, place) => value(place)),
    );
  }

  get size() {
    return this.data.length;
  }

  at(...index) {
    return this.data[this.place(index)];
  }

  /** Where in `data` an index is. */
  place(index) {
    return index.reduce((place, k, axis) => place * this.shape[axis] + k, 0);
  }

  /** The index of a place in `data`. */
  index(place) {
    const index = [];
    for (let axis = this.shape.length - 1; axis >= 0; axis--) {
      index.unshift(place % this.shape[axis]);
      place = Math.floor(place / this.shape[axis]);
    }
    return index;
  }

  toLists() {
    const nested = (shape, start) => {
      const [length, ...inner] = shape;
      const step = product(inner);
      return Array.from({ length }, (_, k) =>
        inner.length ? nested(inner, start + k * step) : this.data[start + k],
      );
    };
    return nested(this.shape, 0);
  }

  copy() {
    return new NdArray([...this.shape], this.data.slice());
  }

  /** The same elements where they still fit, and `value(place)` for new ones. */
  resized(shape, value) {
    return NdArray.filled(shape, (place) => {
      const index = new NdArray(shape, []).index(place);
      return index.every((k, axis) => k < this.shape[axis]) ? this.at(...index) : value(place);
    });
  }
}
