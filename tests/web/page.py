#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The page of examples/web in a headless Chromium, with threads and without, beside the tool:

    page.py UPSCALE [--screenshot FILE]

UPSCALE is the tool of this machine, built without libjpeg, as the page is: its pictures are the
truth within one level. The folder build/web must be built (examples/web/build.sh). A screenshot of
the page with a result is left in FILE, a JPEG.
"""
import argparse
import base64
import os
import pathlib
import re
import struct
import subprocess
import sys
import tempfile
import unittest
import zlib

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.dont_write_bytecode = True
sys.path[:0] = [str(ROOT / "tests/corpus"), str(ROOT / "tests/cli")]
from builder import PNG, chunk, ihdr, png  # noqa: E402
from decode import Png  # noqa: E402

PROFILE = struct.pack(">I", 600) + bytes(12) + b"RGB XYZ " + bytes(12) + b"acsp" + bytes(560)
PHOTO = ROOT / "examples/photo.png"


def alpha_png():
    """A disc of changing colour that fades out, with a colour profile."""
    rows = b"".join(b"\0" + b"".join(
        bytes([8 * x, 9 * y, 200, max(0, min(255, 900 - 6 * ((x - 13) ** 2 + (y - 11) ** 2)))])
        for x in range(26)) for y in range(22))
    return png(26, 22, 8, 6, rows, chunk(b"iCCP", b"screen\0\0" + zlib.compress(PROFILE)))


def turned_jpeg():
    """A picture that lies on its side, as a camera that is held upright makes it."""
    data = (ROOT / "tests/pictures/samplings/420.jpg").read_bytes()
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\1\x01\x12\0\3\0\0\0\1\0\6\0\0\0\0\0\0"
    return data[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + data[2:]


class Page(unittest.TestCase):
    """With the headers that let the page have threads."""
    threads, server_options = True, []

    @classmethod
    def setUpClass(cls):
        cls.server = subprocess.Popen(
            [sys.executable, ROOT / "examples/web/serve.py", ROOT / "build/web", "--port", "0",
             *cls.server_options], stdout=subprocess.PIPE, text=True)
        cls.addClassCleanup(cls.server.communicate)
        cls.addClassCleanup(cls.server.terminate)
        cls.url = re.search(r"http://\S+", cls.server.stdout.readline())[0]
        options = webdriver.ChromeOptions()
        for option in ("--headless=new", "--disable-dev-shm-usage", "--window-size=1240,860",
                       "--force-device-scale-factor=1", "--hide-scrollbars"):
            options.add_argument(option)
        if os.getuid() == 0:
            options.add_argument("--no-sandbox")  # which root cannot have
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        cls.browser = webdriver.Chrome(service=Service("chromedriver"), options=options)
        cls.addClassCleanup(cls.browser.quit)

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.browser.get(self.url)

    def tearDown(self):
        wrong = [line for line in self.browser.get_log("browser") if line["level"] == "SEVERE"]
        self.assertEqual(wrong, [])

    def element(self, name):
        return self.browser.find_element(By.ID, name)

    def state(self):
        return self.browser.find_element(By.TAG_NAME, "body").get_attribute("data-state")

    def until(self, condition, seconds=240):
        WebDriverWait(self.browser, seconds, 0.05).until(lambda _: condition())

    def open(self, name, data):
        """Gives the page a file, and waits until a size is planned or a sentence is said."""
        path = self.folder / name
        path.write_bytes(data)
        self.element("chooser").send_keys(str(path))
        self.until(self.planned)
        return path

    def planned(self):
        return self.element("error").text or (
            self.state() == "ready" and self.element("enlarge").is_enabled())

    def set(self, name, value):
        field = self.element(name)
        field.send_keys(Keys.CONTROL, "a")
        field.send_keys(str(value) or Keys.DELETE)
        self.until(lambda: not self.element("enlarge").is_enabled())
        self.until(lambda: self.element("error").text or self.element("enlarge").is_enabled())

    def enlarge(self):
        self.element("enlarge").click()
        self.until(lambda: self.state() in ("done", "ready") and not
                   self.element("working").is_displayed())
        self.assertEqual((self.state(), self.element("error").text), ("done", ""))
        return self.bytes_of(self.element("download").get_attribute("href"))

    def bytes_of(self, url):
        text = self.browser.execute_async_script(
            "const [url, done] = arguments; const reader = new FileReader();"
            "reader.onload = () => done(reader.result);"
            "fetch(url).then((r) => r.blob()).then((b) => reader.readAsDataURL(b));", url)
        return base64.b64decode(text.partition(",")[2])

    def truth(self, path, *options):
        out = self.folder / "truth.png"
        subprocess.run([UPSCALE, "-i", path, "-o", out, *map(str, options), "--overwrite"],
                       check=True, stderr=subprocess.DEVNULL)
        return Png(out)

    def expect_same(self, data, truth):
        path = self.folder / "result.png"
        path.write_bytes(data)
        result = Png(path)
        for name in ("width", "height", "channels", "bits"):
            self.assertEqual(getattr(result, name), getattr(truth, name), name)
        self.assertEqual(b"iCCP" in result.chunks, b"iCCP" in truth.chunks)
        if b"iCCP" in truth.chunks:
            self.assertEqual(result.profile(), truth.profile())
        one, other = (bytes_of_pixels(picture) for picture in (result, truth))
        self.assertLessEqual(max(abs(a - b) for a, b in zip(one, other)), 1)


def bytes_of_pixels(picture):
    return [value for row in picture.pixels for pixel in row for value in pixel]


class Common:
    """What holds in both ways."""

    def test_photo(self):
        self.element("sample").click()
        self.until(self.planned)
        on = self.element("engine").text
        self.assertRegex(on, r"[0-9]+ threads, with SIMD128" if self.threads else "one thread")
        scale = 3.7 if self.threads else 1.5
        self.set("scale", scale)
        result = self.enlarge()
        if self.threads and SCREENSHOT:
            self.screenshot()
        self.assertEqual(self.element("download").get_attribute("download"), f"photo-x{scale}.png")
        self.expect_same(result, self.truth(PHOTO, "--scale", scale))

    def screenshot(self):
        self.browser.execute_script("document.activeElement.blur();")
        self.until(lambda: self.browser.execute_script(
            "return document.querySelector('#after').complete;"))
        shot = self.browser.execute_cdp_cmd("Page.captureScreenshot",
                                            {"format": "jpeg", "quality": 82})
        SCREENSHOT.write_bytes(base64.b64decode(shot["data"]))

    def test_alpha(self):
        path = self.open("disc.png", alpha_png())
        self.set("scale", 2.5)
        self.expect_same(self.enlarge(), self.truth(path, "--scale", 2.5))

    def test_turned(self):
        path = self.open("turned.jpg", turned_jpeg())
        self.browser.find_element(By.CSS_SELECTOR, "[value=size]").send_keys(Keys.SPACE)
        self.set("width", 61)
        height = int(self.element("height").get_attribute("value"))
        truth = self.truth(path, "--size", f"61x{height}")
        self.expect_same(self.enlarge(), truth)

    def test_grey(self):
        path = self.open("grey.jpg", (ROOT / "tests/pictures/samplings/grey.jpg").read_bytes())
        truth = self.truth(path, "--scale", 2)
        self.assertEqual(truth.channels, 1)
        self.expect_same(self.enlarge(), truth)

    def test_network(self):
        path = self.open("faded.png", alpha_png())
        for name in ("photo", "lite"):
            self.browser.find_element(By.CSS_SELECTOR, f"[value={name}]").send_keys(Keys.SPACE)
            self.until(lambda: self.element("enlarge").is_enabled())
            self.expect_same(self.enlarge(), self.truth(path, "--scale", 2, "-n", name))

    def test_stop(self):
        self.element("sample").click()
        self.until(self.planned)
        self.set("scale", 8)
        self.element("enlarge").click()
        self.until(lambda: float(self.element("progress").get_attribute("value")) > 0)
        self.element("stop").click()
        self.assertEqual((self.state(), self.element("error").text), ("ready", ""))
        self.set("scale", 1)  # a new worker, which is given the picture again
        self.assertEqual(self.enlarge()[:8], b"\x89PNG\r\n\x1a\n")

    def test_broken(self):
        self.open("cut.png", PHOTO.read_bytes()[:20000])
        self.assertRegex(self.element("error").text, r"cut\.png: .{20,}\.")
        self.assertEqual(self.state(), "empty")
        self.open("letter.png", b"Dear all")
        self.assertIn("no PNG or JPEG picture", self.element("error").text)
        self.open("grey.png", png(6, 5, 8, 0))  # and it goes on
        self.assertEqual((self.state(), self.element("error").text), ("ready", ""))


class WithThreads(Common, Page):
    def test_too_large(self):
        for side, sentence in ((1800, r"3600 x 3600 pixels need \d+ MB of memory, and a page has"),
                               (4000, r"A picture of 4000 x 4000 pixels needs more memory than")):
            rows = zlib.compress((b"\0" + bytes(side)) * side, 1)
            self.open("large.png", PNG + ihdr(side, side, 8, 0) + chunk(b"IDAT", rows) +
                      chunk(b"IEND"))
            self.assertRegex(self.element("error").text, sentence)
            self.assertFalse(self.element("enlarge").is_enabled())

    def test_what_the_browser_reads(self):
        webp = self.browser.execute_script(
            "const canvas = document.createElement('canvas'); canvas.width = 9; canvas.height = 7;"
            "canvas.getContext('2d').fillRect(2, 2, 4, 3); return canvas.toDataURL('image/webp');")
        self.open("small.webp", base64.b64decode(webp.partition(",")[2]))
        self.assertIn("Your browser decoded this file", self.element("notes").text)
        self.assertEqual(self.enlarge()[:8], b"\x89PNG\r\n\x1a\n")

    def test_drop_and_paste(self):
        for kind, holder in (("drop", "dataTransfer"), ("paste", "clipboardData")):
            self.browser.get(self.url)
            self.browser.execute_script(
                "const [kind, holder, text] = arguments; const data = new DataTransfer();"
                "const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));"
                "data.items.add(new File([bytes], 'given.png'));"
                "const event = kind === 'drop' ? new DragEvent(kind, { [holder]: data })"
                " : new ClipboardEvent(kind, { [holder]: data }); document.dispatchEvent(event);",
                kind, holder, base64.b64encode(png(6, 5)).decode())
            self.until(self.planned)
            self.assertEqual(self.element("name").text, "given.png")

    def test_keyboard(self):
        self.open("small.png", png(12, 10))
        self.set("scale", 3)
        self.element("scale").send_keys(Keys.ENTER)
        self.until(lambda: self.state() == "done")
        clip = "return document.querySelector('#before').style.clipPath;"
        before = self.browser.execute_script(clip)
        self.element("divider").send_keys(Keys.ARROW_LEFT * 5)
        self.assertNotEqual(self.browser.execute_script(clip), before)
        self.set("scale", "")
        self.assertIn("Give a scale from 1 to 8", self.element("error").text)

    def test_nothing_leaves(self):
        self.open("small.png", png(12, 10))
        self.enlarge()
        asked = self.browser.execute_script(
            "return performance.getEntriesByType('resource').map((entry) => entry.name);")
        self.assertTrue(asked)
        for url in asked:
            self.assertTrue(url.removeprefix("blob:").startswith(self.url), url)


class WithoutThreads(Common, Page):
    threads, server_options = False, ["--plain"]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("upscale", type=pathlib.Path)
    parser.add_argument("--screenshot", type=pathlib.Path)
    parsed, rest = parser.parse_known_args()
    UPSCALE, SCREENSHOT = parsed.upscale.resolve(), parsed.screenshot
    unittest.main(argv=[sys.argv[0], *rest], verbosity=2)
