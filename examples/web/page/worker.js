// SPDX-License-Identifier: Apache-2.0
// Runs the library, beside the page. Each request is an object with an `id` and a `kind`; what is
// told while it runs, and how it ends, are objects with that id and an `event`.

let asked = 0; // the id of the request that runs

const tell = (event, data = {}, transfer = []) =>
  postMessage({ id: asked, event, ...data }, transfer);

/** What engine.cpp calls, by calls.js. */
const page = {
  started: (threads, instructions) => tell("started", { threads, instructions }),
  opened: (width, height) => tell("opened", { width, height }),
  planned: (width, height) => tell("planned", { width, height }),
  progress: (done) => tell("progress", { done }),
  before: (png) => tell("before", { png }, [png.buffer]),
  after: (png) => tell("after", { png }, [png.buffer]),
  note: (sentence) => tell("note", { sentence }),
  failed: (code, sentence) => tell("failed", { code, sentence }),
};

async function load(name) {
  const { default: create } = await import(`./${name}.js`);
  return create({ page });
}

/** The library with its weights. Threads share memory, which only isolated pages may. */
async function start() {
  const weights = fetch("eqsr-lite.safetensors").then((response) => {
    if (!response.ok) throw new Error("The weights eqsr-lite.safetensors are not beside the page.");
    return response.arrayBuffer();
  });
  let library = null;
  if (self.crossOriginIsolated) library = await load("eqsr-threads").catch(() => null);
  library ??= await load("eqsr");
  library.FS.mkdir("/pictures"); // so that no name is taken
  library.FS.chdir("/pictures");
  const file = "eqsr-lite.safetensors";
  if (!with_file(library, file, new Uint8Array(await weights), () =>
    call(library, "engine_start", ["string"], [file])))
    throw new Error("The weights cannot be used; the page's folder may be damaged.");
  return library;
}

/** Calls a function of engine.cpp. */
const call = (library, name, types, values) => library.ccall(name, "boolean", types, values);

/** The same while `bytes` are a file of that name. */
function with_file(library, name, bytes, use) {
  library.FS.writeFile(name, bytes);
  try {
    return use();
  } finally {
    library.FS.unlink(name);
  }
}

const sized = ["number", "number", "number", "string"];
const kinds = {
  start: () => {},
  open: (library, { name, bytes }) =>
    with_file(library, name, bytes, () => call(library, "engine_open", ["string"], [name])),
  open_pixels: (library, { name, bytes, width, height }) =>
    with_file(library, name, bytes, () =>
      call(library, "engine_open_pixels", ["string", "number", "number"], [name, width, height])),
  plan: (library, { name, target: { scale = 0, width = 0, height = 0 } }) =>
    call(library, "engine_plan", sized, [scale, width, height, name]),
  enlarge: (library, { name, target: { scale = 0, width = 0, height = 0 } }) =>
    call(library, "engine_enlarge", sized, [scale, width, height, name]),
};

const library = start();
library.catch(() => {}); // each request says it

self.onmessage = async ({ data }) => {
  try {
    const ready = await library;
    asked = data.id;
    kinds[data.kind](ready, data);
    tell("done");
  } catch (error) {
    asked = data.id;
    tell("failed", { code: "page", sentence: `${error.message ?? error}` });
  }
};
