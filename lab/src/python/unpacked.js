/** The content of a gzipped stream, as a blob. */
export const unpacked = (stream) => new Response(stream.pipeThrough(new DecompressionStream("gzip"))).blob();
