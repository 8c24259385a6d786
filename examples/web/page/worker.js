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

let loaded = "lite"; // the name of the network

const file_of = (name) => `eqsr-${name}.safetensors`;
async function weights_of(name) {
  const response = await fetch(file_of(name));
  if (!response.ok) throw new Error(`The weights ${file_of(name)} are not beside the page.`);
  return new Uint8Array(await response.arrayBuffer());
}

/** The library with its weights. Threads share memory, which only isolated pages may. */
async function start() {
  const weights = weights_of(loaded);
  let library = null;
  if (self.crossOriginIsolated) library = await load("eqsr-threads").catch(() => null);
  library ??= await load("eqsr");
  library.FS.mkdir("/pictures"); // so that no name is taken
  library.FS.chdir("/pictures");
  give_weights(library, "engine_start", loaded, await weights);
  return library;
}

function give_weights(library, to, name, bytes) {
  const file = file_of(name);
  if (!with_file(library, file, bytes, () => call(library, to, ["string"], [file])))
    throw new Error("The weights cannot be used; the page's folder may be damaged.");
}

async function use_network(library, name) {
  if (name === loaded) return;
  give_weights(library, "engine_load", name, await weights_of(name));
  loaded = name;
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
  enlarge: async (library, { name, network, target: { scale = 0, width = 0, height = 0 } }) => {
    await use_network(library, network);
    call(library, "engine_enlarge", sized, [scale, width, height, name]);
  },
};

const library = start();
library.catch(() => {}); // each request says it

async function answer(request) {
  asked = request.id;
  try {
    await kinds[request.kind](await library, request);
    tell("done");
  } catch (error) {
    tell("failed", { code: "page", sentence: `${error.message ?? error}` });
  }
}
let answered = Promise.resolve(); // requests, one after the other
self.onmessage = ({ data }) => {
  answered = answered.then(() => answer(data));
};
