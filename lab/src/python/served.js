import files from "dxdw:python-files";

/**
 * The worker's source and files, fetched beside the page once and kept: a worker that follows
 * another needs no network. The browser compares each with its hash.
 */
export function served() {
  const loaded = Promise.all(
    files.map(async ({ name, sha256 }) => {
      const address = new URL(`python/${name}`, document.baseURI);
      const response = await fetch(address, { integrity: `sha256-${sha256}` });
      if (!response.ok) throw new Error(`${name}: status ${response.status}`);
      return [name, await response.blob()];
    }),
  );
  return async () => {
    const { "worker.js": source, ...rest } = Object.fromEntries(await loaded);
    return { source: new Blob([source], { type: "text/javascript" }), files: rest };
  };
}
