// SPDX-License-Identifier: Apache-2.0
// Pictures that the library does not read, such as WebP and AVIF, as the browser decodes them.

/** RGBA of 8 bits with `width` and `height`. Fails if the browser cannot read the file either. */
export async function decode_by_browser(file) {
  const bitmap = await createImageBitmap(file);
  const { width, height } = bitmap;
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  const { data } = context.getImageData(0, 0, width, height);
  return { data: new Uint8Array(data.buffer), width, height };
}

export const browser_note =
  "Your browser decoded this file: its colours count as sRGB of 8 bits, and what else it says " +
  "is not carried over. The library itself reads PNG and JPEG.";
