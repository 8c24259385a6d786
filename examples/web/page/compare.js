// SPDX-License-Identifier: Apache-2.0
// Two pictures of one size under one divider, fitted or with every pixel.

const root = document.querySelector("#compare");
const scroller = document.querySelector("#scroller");
const sheet = document.querySelector("#sheet");
const before = document.querySelector("#before");
const after = document.querySelector("#after");
const divider = document.querySelector("#divider");
const grip = document.querySelector("#grip");
const zoom = document.querySelector("#zoom");
const tags = [document.querySelector("#before-tag"), document.querySelector("#after-tag")];

let size = { width: 1, height: 1 }; // of the pictures

/** One picture, which will have `width` x `height` pixels. */
export function show_one(url, width, height) {
  root.classList.add("single");
  after.removeAttribute("src");
  before.src = url;
  resize(width, height);
}
/** The picture before, while the other one is computed. */
export function show_before(url) {
  before.src = url;
}
/** Both. */
export function show_after(url) {
  after.src = url;
  root.classList.remove("single");
  divider.value = 50;
  place();
}
/** What the pictures are stretched to. */
export function resize(width, height) {
  size = { width, height };
  root.hidden = false;
  root.parentElement.style.aspectRatio = `${width} / ${height}`;
  place();
}

function place() {
  const ratio = window.devicePixelRatio || 1;
  const box = root.getBoundingClientRect();
  const zoomed = root.classList.contains("zoomed");
  const fit = Math.min(box.width / size.width, box.height / size.height, 1);
  const scale = zoomed ? 1 / ratio : fit;
  sheet.style.width = `${size.width * scale}px`;
  sheet.style.height = `${size.height * scale}px`;
  zoom.hidden = !zoomed && fit >= 1 / ratio;
  split();
}

/** The part of the pictures that can be seen, in pixels of the page beside and below `root`. */
function visible() {
  const box = root.getBoundingClientRect();
  const picture = sheet.getBoundingClientRect();
  return {
    left: Math.max(0, picture.left - box.left),
    right: Math.min(scroller.clientWidth, picture.right - box.left),
    top: Math.max(0, picture.top - box.top),
    bottom: Math.max(box.height - scroller.clientHeight, box.bottom - picture.bottom), // from below
    beyond: picture.right - box.left, // where the pictures end, seen or not
  };
}

/** Shows the picture before on the left of the divider. */
function split() {
  const { left, right, top, bottom, beyond } = visible();
  const x = left + ((right - left) * divider.value) / 100;
  const single = root.classList.contains("single");
  before.style.clipPath = single ? "none" : `inset(0 ${beyond - x}px 0 0)`;
  Object.assign(grip.style, { left: `${x}px`, top: `${top}px`, bottom: `${bottom}px` });
  tags[0].style.left = `${left + 12}px`;
  for (const own of [tags[1], zoom]) own.style.right = `${root.clientWidth - right + 12}px`;
  for (const tag of tags) tag.style.bottom = `${bottom + 12}px`;
  divider.setAttribute("aria-valuetext", `${divider.value} % bicubic`);
}

function drag_to(x) {
  const { left, right } = visible();
  divider.value = (100 * (x - root.getBoundingClientRect().left - left)) / (right - left);
  split();
}

divider.addEventListener("input", split);
scroller.addEventListener("scroll", split);
new ResizeObserver(place).observe(root);

zoom.addEventListener("click", () => {
  const zoomed = root.classList.toggle("zoomed");
  zoom.setAttribute("aria-pressed", zoomed);
  zoom.textContent = zoomed ? "Fit" : "Actual size";
  place();
  scroller.scrollTo(
    (scroller.scrollWidth - scroller.clientWidth) / 2,
    (scroller.scrollHeight - scroller.clientHeight) / 2,
  );
});

// The grip moves the divider; elsewhere a drag does so too, or moves a picture that is larger.
root.addEventListener("pointerdown", (down) => {
  if (down.button !== 0 || zoom.contains(down.target)) return;
  const pans = root.classList.contains("zoomed") && down.target !== grip;
  if (pans ? down.pointerType !== "mouse" : root.classList.contains("single")) return;
  down.preventDefault();
  if (!pans) divider.focus({ focusVisible: false });
  root.setPointerCapture(down.pointerId);
  const { scrollLeft, scrollTop } = scroller;
  const move = (event) => {
    if (pans)
      scroller.scrollTo(
        scrollLeft + down.clientX - event.clientX,
        scrollTop + down.clientY - event.clientY,
      );
    else drag_to(event.clientX);
  };
  move(down);
  const end = () => {
    root.removeEventListener("pointermove", move);
    root.removeEventListener("pointerup", end);
    root.removeEventListener("pointercancel", end);
  };
  root.addEventListener("pointermove", move);
  root.addEventListener("pointerup", end);
  root.addEventListener("pointercancel", end);
});
