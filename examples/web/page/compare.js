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

/** Shows the picture before on the left of the divider, of the part that can be seen. */
function split() {
  const box = root.getBoundingClientRect();
  const picture = sheet.getBoundingClientRect();
  const left = Math.max(box.left, picture.left);
  const right = Math.min(box.right, picture.right);
  const x = left + ((right - left) * divider.value) / 100;
  const single = root.classList.contains("single");
  before.style.clipPath = single ? "none" : `inset(0 ${picture.right - x}px 0 0)`;
  grip.style.left = `${x - box.left}px`;
  divider.setAttribute("aria-valuetext", `${divider.value} % bicubic`);
}

function drag_to(x) {
  const box = root.getBoundingClientRect();
  const picture = sheet.getBoundingClientRect();
  const left = Math.max(box.left, picture.left);
  const right = Math.min(box.right, picture.right);
  divider.value = (100 * (x - left)) / (right - left);
  split();
}

divider.addEventListener("input", split);
scroller.addEventListener("scroll", split);
new ResizeObserver(place).observe(root);

zoom.addEventListener("click", () => {
  const zoomed = root.classList.toggle("zoomed");
  zoom.setAttribute("aria-pressed", zoomed);
  zoom.textContent = zoomed ? "Whole picture" : "Every pixel";
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
