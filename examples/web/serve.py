#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Serves a folder on this machine alone: serve.py FOLDER [--port N] [--plain]

The two headers isolate the page from others, and only then browsers let it have threads. With
--plain they are left out, as by servers that do not send them.
"""
import argparse
import functools
import http.server
import sys


class Handler(http.server.SimpleHTTPRequestHandler):
    headers_of_all = {"Cross-Origin-Opener-Policy": "same-origin",
                      "Cross-Origin-Embedder-Policy": "require-corp"}
    extensions_map = {**http.server.SimpleHTTPRequestHandler.extensions_map,
                      ".js": "text/javascript", ".wasm": "application/wasm"}

    def end_headers(self):
        for name, value in self.headers_of_all.items():
            self.send_header(name, value)
        self.send_header("Cache-Control", "no-cache")  # what was built again is seen at once
        super().end_headers()

    def log_message(self, *_):
        pass


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--plain", action="store_true")
    options = parser.parse_args()
    if options.plain:
        Handler.headers_of_all = {}
    handler = functools.partial(Handler, directory=options.folder)
    try:
        server = http.server.ThreadingHTTPServer(("127.0.0.1", options.port), handler)
    except (OSError, OverflowError) as error:
        sys.exit(f"Port {options.port} cannot be used ({error}). "
                 "Choose another one, for instance --port 8001.")
    print(f"The page is at http://localhost:{server.server_port}/ until Ctrl-C.", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        print()


if __name__ == "__main__":
    main()
