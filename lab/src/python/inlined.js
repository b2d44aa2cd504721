import files from "dxdw:python-files";
import { unpacked } from "./unpacked.js";

/** The worker's source and files out of the page itself, where they lie gzipped in base64. */
export function inlined() {
  const loaded = Promise.all(files.map(async ({ name }) => [name, await blob(name)]));
  return async () => {
    const { "worker.js": source, ...rest } = Object.fromEntries(await loaded);
    return { source: new Blob([source], { type: "text/javascript" }), files: rest };
  };
}

async function blob(name) {
  const element = document.getElementById(`python/${name}`);
  const letters = atob(element.textContent);
  element.remove();
  const packed = new Uint8Array(letters.length);
  for (let place = 0; place < letters.length; place++) packed[place] = letters.charCodeAt(place);
  return unpacked(new Blob([packed]).stream());
}
