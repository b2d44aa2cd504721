/** The fragment of an address: `#05`, or `#05/CODE` with deflated code in base64url. */
export async function fragment(number, code) {
  const packed = await pass(new CompressionStream("deflate-raw"), new TextEncoder().encode(code));
  const letters = Array.from(packed, (byte) => String.fromCharCode(byte)).join("");
  const text = btoa(letters).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
  return `#${number}/${text}`;
}

/** Of a fragment `{ place, code }`: code is null where there is none, or none that can be read. */
export async function parsed(hash) {
  const [place, text] = hash.replace(/^#/, "").split("/");
  if (!text) return { place, code: null };
  try {
    const letters = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
    const packed = Uint8Array.from(letters, (letter) => letter.charCodeAt(0));
    const bytes = await pass(new DecompressionStream("deflate-raw"), packed);
    return { place, code: new TextDecoder("utf-8", { fatal: true }).decode(bytes) };
  } catch {
    return { place, code: null };
  }
}

const MOST_BYTES = 1 << 20; // a link of a few letters may unpack to gigabytes

async function pass(stream, bytes) {
  const writer = stream.writable.getWriter();
  const written = writer.write(bytes).then(() => writer.close());
  const parts = [];
  let size = 0;
  for await (const part of stream.readable) {
    size += part.length;
    if (size > MOST_BYTES) throw new RangeError("more code than anybody writes");
    parts.push(part);
  }
  await written;
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}
