const MINUS = "−";

/** A number as people write it: a real minus sign, and no more digits than tell something. */
export function shown(value, digits = 4) {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "nan" : value < 0 ? `${MINUS}inf` : "inf";
  return String(Number(value.toPrecision(digits))).replaceAll("-", MINUS);
}

/** With its sign, for what is added. */
export function signed(value) {
  return value < 0 ? shown(value) : `+${shown(value)}`;
}

/** In a product: a negative factor in brackets. */
export function factor(value) {
  return value < 0 ? `(${shown(value)})` : shown(value);
}

/** A number that a person typed, or NaN. */
export function typed(text) {
  const plain = text.trim().replaceAll(MINUS, "-").replace(",", ".");
  return plain === "" ? NaN : Number(plain);
}

const SUPERSCRIPTS = {
  "-": "⁻",
  0: "⁰",
  1: "¹",
  2: "²",
  3: "³",
  4: "⁴",
  5: "⁵",
  6: "⁶",
  7: "⁷",
  8: "⁸",
  9: "⁹",
};

/** A power of ten: "10⁻⁵". */
export function powerOfTen(exponent) {
  return `10${[...String(exponent)].map((character) => SUPERSCRIPTS[character]).join("")}`;
}

/** A small or large number: "3.1·10⁻⁵". */
export function scientific(value, digits = 2) {
  if (value === 0 || !Number.isFinite(value)) return shown(value);
  const [mantissa, exponent] = value.toExponential(digits - 1).split("e");
  return `${mantissa.replace("-", MINUS)}·${powerOfTen(Number(exponent))}`;
}
