// SPDX-License-Identifier: Apache-2.0
// What engine.cpp calls, for em++ --js-library: each goes to the function of that name in
// Module.page, which worker.js gives. Sentences and PNG files are copied out of the module's memory.
mergeInto(LibraryManager.library, {
  page_started: function (threads, instructions) {
    Module.page.started(threads, UTF8ToString(instructions));
  },
  page_opened: function (width, height) {
    Module.page.opened(width, height);
  },
  page_planned: function (width, height) {
    Module.page.planned(width, height);
  },
  page_progress: function (done) {
    Module.page.progress(done);
  },
  page_before: function (png, count) {
    Module.page.before(HEAPU8.slice(png >>> 0, (png >>> 0) + (count >>> 0)));
  },
  page_after: function (png, count) {
    Module.page.after(HEAPU8.slice(png >>> 0, (png >>> 0) + (count >>> 0)));
  },
  page_note: function (sentence) {
    Module.page.note(UTF8ToString(sentence));
  },
  page_failed: function (code, sentence) {
    Module.page.failed(UTF8ToString(code), UTF8ToString(sentence));
  },
});
