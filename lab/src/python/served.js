import files from "dxdw:python-files";
import { unpacked } from "./unpacked.js";

/**
 * The worker's source and files, fetched beside the page once and kept: a worker that follows
 * another needs no network. The browser compares each with its hash. What is `packed` lies there gzipped,
 * in a file whose name says nothing of that: a server would say it too, and the browser unpack it.
 */
export function served() {
  const loaded = Promise.all(
    files.map(async ({ name, packed, sha256 }) => {
      const address = new URL(`python/${name}${packed ? ".packed" : ""}`, document.baseURI);
      const response = await fetch(address, { integrity: `sha256-${sha256}` });
      if (!response.ok) throw new Error(`${name}: status ${response.status}`);
      return [name, await (packed ? unpacked(response.body) : response.blob())];
    }),
  );
  return async () => {
    const { "worker.js": source, ...rest } = Object.fromEntries(await loaded);
    return { source: new Blob([source], { type: "text/javascript" }), files: rest };
  };
}
