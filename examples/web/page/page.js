// SPDX-License-Identifier: Apache-2.0
// The page: a picture in, a larger one out.
import { browser_note, decode_by_browser } from "./browser_picture.js";
import * as compare from "./compare.js";
import { Engine } from "./engine.js";
import * as target from "./target.js";

const element = (id) => document.getElementById(id);
const engine = new Engine((threads, instructions) => {
  const on = threads > 1 ? `${threads} threads` : "one thread";
  element("engine").textContent = `It computes on ${on}, with ${instructions}.`;
});

let picture = null; // { name, url, width, height }
let urls = []; // of the pictures that are shown
let newest = 0; // counts pictures and plans: older answers are late

/** empty, opening, ready, running or done; style.css and the tests read it. */
function set_state(state) {
  document.body.dataset.state = state;
  const running = state === "running";
  element("enlarge").hidden = running || state === "done";
  element("working").hidden = !running;
  element("download").hidden = state !== "done";
  element("download").classList.add("primary");
  for (const id of ["network", "how", "by-scale", "by-size", "other"]) element(id).disabled = running;
}
/** Says in an empty page what it waits for; nothing ends that. */
function set_busy(what) {
  document.body.setAttribute("aria-busy", what !== "");
  element("lead").textContent = what || "Drop a picture here, or paste one";
}
function say_error(sentence) {
  element("error").textContent = sentence;
  element("error").hidden = sentence === "";
}
function note(sentence) {
  const item = document.createElement("li");
  item.textContent = sentence.replace(`${picture?.name ?? ""}: `, "");
  element("notes").append(item);
}
function url_of(blob) {
  const url = URL.createObjectURL(blob);
  urls.push(url);
  return url;
}
function forget_urls() {
  urls.forEach((url) => URL.revokeObjectURL(url));
  urls = [];
}

// A picture in

async function open(file) {
  if (document.body.dataset.state === "running") return;
  const mine = ++newest;
  const name = file.name || "picture";
  const before = picture;
  say_error("");
  set_busy(`Opening ${name} …`);
  try {
    const opened = await read(name, file);
    if (mine !== newest) return;
    forget_urls();
    picture = { name, url: url_of(file), ...opened.size };
    element("notes").replaceChildren();
    opened.notes.forEach(note);
    element("name").textContent = name;
    element("name").title = name;
    element("panel").hidden = false;
    target.begin(picture);
    set_state("ready");
    compare.show_one(picture.url, picture.width, picture.height);
    await plan();
    element("enlarge").focus({ preventScroll: true });
  } catch (error) {
    if (mine !== newest) return;
    say_error(error.message);
    // The library has let go of the picture before.
    if (before !== null) start_over();
  } finally {
    if (mine === newest || document.body.dataset.state !== "empty") set_busy("");
  }
}
/** The size of a picture that the library holds now, and what is odd about it. */
async function read(name, file) {
  const notes = [];
  const bytes = new Uint8Array(await file.arrayBuffer());
  try {
    const size = await engine.open(name, bytes, ({ sentence }) => notes.push(sentence));
    return { size, notes };
  } catch (error) {
    if (error.code !== "image_unsupported") throw error;
    const pixels = await decode_by_browser(file).catch(() => {
      throw error; // the library's sentence says what the file is
    });
    return { size: await engine.open_pixels(name, pixels), notes: [browser_note] };
  }
}
function start_over() {
  picture = null;
  element("panel").hidden = true;
  element("compare").hidden = true;
  set_state("empty");
}

// A size, and whether there is memory for it

async function plan() {
  const mine = ++newest;
  const wish = target.wanted();
  element("enlarge").disabled = true;
  element("sizes").textContent = "";
  if (wish === null) return say_error(target.complaint());
  say_error("");
  try {
    const { width, height } = await engine.plan(wish);
    if (mine !== newest) return undefined;
    element("sizes").textContent =
      `${picture.width} × ${picture.height} becomes ${width} × ${height} pixels`;
    element("enlarge").disabled = false;
    if (document.body.dataset.state === "ready") compare.resize(width, height);
  } catch (error) {
    if (mine === newest) say_error(error.message);
  }
  return undefined;
}

// A larger one out

async function enlarge() {
  const wish = target.wanted();
  if (wish === null || element("enlarge").disabled) return;
  const { width, height } = await engine.plan(wish);
  const start = performance.now();
  say_error("");
  forget_results();
  set_state("running");
  show_progress(0, start);
  compare.show_one(picture.url, width, height);
  element("stop").focus({ preventScroll: true });
  try {
    const { png } = await engine.enlarge(wish, network(), {
      before: (data) => compare.show_before(url_of(png_blob(data.png))),
      progress: ({ done }) => show_progress(done, start),
    });
    const result = png_blob(png);
    const link = element("download");
    link.href = url_of(result);
    link.download = `${picture.name.replace(/\.[^.]*$/, "")}-${target.suffix()}.png`;
    link.textContent = `Download PNG, ${megabytes(result.size)}`;
    set_state("done");
    compare.show_after(link.href);
    link.focus({ preventScroll: true });
  } catch (error) {
    set_state("ready");
    compare.show_one(picture.url, width, height);
    if (error.code !== "stopped") say_error(error.message);
    element("enlarge").focus({ preventScroll: true });
  }
}
const network = () => document.querySelector("[name=network]:checked").value;
const png_blob = (bytes) => new Blob([bytes], { type: "image/png" });
const megabytes = (bytes) =>
  bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;

/** The pictures before; the one that is opened stays. */
function forget_results() {
  urls.filter((url) => url !== picture.url).forEach((url) => URL.revokeObjectURL(url));
  urls = [picture.url];
}
function show_progress(done, start) {
  element("progress").value = done;
  const left = ((performance.now() - start) / 1000) * (1 / Math.max(done, 0.01) - 1);
  const time = left < 90 ? `${Math.ceil(left)} s` : `${Math.ceil(left / 60)} minutes`;
  element("remaining").textContent =
    done > 0.03 ? `${Math.floor(100 * done)} %, about ${time} left` : "Starting";
}

// What the user does

element("choose").addEventListener("click", () => element("chooser").click());
element("other").addEventListener("click", () => element("chooser").click());
element("chooser").addEventListener("change", ({ target: chooser }) => {
  if (chooser.files.length > 0) open(chooser.files[0]);
  chooser.value = ""; // so that the same file can be chosen again
});
element("sample").addEventListener("click", async () => {
  const response = await fetch("photo.png");
  open(new File([await response.blob()], "photo.png", { type: "image/png" }));
});
element("panel").addEventListener("submit", (event) => {
  event.preventDefault();
  enlarge();
});
element("stop").addEventListener("click", () => engine.stop());
document.addEventListener("keydown", ({ key }) => {
  if (key === "Escape" && document.body.dataset.state === "running") engine.stop();
});
document.addEventListener("paste", ({ clipboardData }) => {
  if (clipboardData.files.length > 0) open(clipboardData.files[0]);
});
let inside = 0; // elements that a dragged file is over
const has_files = (event) => [...event.dataTransfer.types].includes("Files");
document.addEventListener("dragenter", (event) => {
  if (!has_files(event)) return;
  ++inside;
  document.body.classList.add("dragging");
});
document.addEventListener("dragleave", (event) => {
  if (has_files(event) && --inside <= 0) document.body.classList.remove("dragging");
});
document.addEventListener("dragover", (event) => event.preventDefault());
document.addEventListener("drop", (event) => {
  event.preventDefault();
  inside = 0;
  document.body.classList.remove("dragging");
  if (event.dataTransfer.files.length > 0) open(event.dataTransfer.files[0]);
});
let late; // a plan for what is typed waits until the typing rests
function wish_changed() {
  clearTimeout(late);
  element("enlarge").hidden = false; // for another result than there is
  element("enlarge").disabled = true;
  element("download").classList.remove("primary");
  late = setTimeout(plan, 150);
}
target.on_change(wish_changed);
element("network").addEventListener("change", wish_changed);
