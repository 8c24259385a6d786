// SPDX-License-Identifier: Apache-2.0
// How large the result shall be: a scale from 1 to 8, or a size in pixels.

const element = (id) => document.getElementById(id);
const slider = element("scale-slider");
const scale = element("scale");
const width = element("width");
const height = element("height");
const keep = element("keep");

let picture = { width: 1, height: 1 };
const changed = new EventTarget();

/** Calls `tell` when the user wants another size. */
export const on_change = (tell) => changed.addEventListener("change", tell);

/** Starts with a picture of this size. */
export function begin(size) {
  picture = size;
  fill_size(by_scale() ? Number(scale.value) || 2 : 2);
}

/** What is wanted: { scale } or { width, height }; null while it is no number. */
export function wanted() {
  const fields = by_scale() ? [scale] : [width, height];
  const bad = fields.find((field) => field.value === "" || !field.validity.valid);
  for (const field of [scale, width, height])
    field.toggleAttribute("aria-invalid", field === bad);
  if (bad !== undefined) return null;
  if (by_scale()) return { scale: Number(scale.value) };
  return { width: Number(width.value), height: Number(height.value) };
}

/** What the name of the result says. */
export function suffix() {
  return by_scale() ? `x${Number(scale.value)}` : `${width.value}x${height.value}`;
}

/** What is wrong with what was typed. */
export const complaint = () =>
  by_scale()
    ? "Give a scale from 1 to 8, such as 3.7."
    : "Give whole numbers of pixels, from 1 to 65535.";

const by_scale = () => document.querySelector("[name=how]:checked").value === "scale";

function fill_size(factor) {
  width.value = Math.max(1, Math.round(picture.width * factor));
  height.value = Math.max(1, Math.round(picture.height * factor));
}
const tell = () => changed.dispatchEvent(new Event("change"));

for (const choice of document.querySelectorAll("[name=how]"))
  choice.addEventListener("change", () => {
    element("by-scale").hidden = !by_scale();
    element("by-size").hidden = by_scale();
    tell();
  });
slider.addEventListener("input", () => {
  scale.value = Number(slider.value);
  fill_size(Number(scale.value));
  tell();
});
scale.addEventListener("input", () => {
  if (scale.value !== "" && scale.validity.valid) {
    slider.value = scale.value;
    fill_size(Number(scale.value));
  }
  tell();
});
/** With the shape kept, the other side follows. */
const follow = (from, to, of, other) => () => {
  if (keep.checked && Number(from.value) > 0)
    to.value = Math.max(1, Math.round((Number(from.value) * picture[other]) / picture[of]));
  tell();
};
const follow_width = follow(width, height, "width", "height");
width.addEventListener("input", follow_width);
height.addEventListener("input", follow(height, width, "height", "width"));
keep.addEventListener("change", follow_width);
