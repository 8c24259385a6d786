#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tests of the command line, with the tool built for Windows, through wine:

    command_line.py UPSCALE.EXE

All of tests/cli/run.py but what asks for POSIX: limits of a process, signals, a full disk, links.
Ctrl-C and pipes are tried by tools.sh.
"""
import os
import pathlib
import runpy
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
WINE = next((path for path in ("/usr/lib/wine/wine64", "/usr/bin/wine64") if os.path.exists(path)), "wine")
POSIX = ("test_address_space_limit", "test_full_disk", "test_interrupt")


def main():
    program = os.path.abspath(sys.argv[1])
    os.environ.update(WINEDEBUG="-all", LC_ALL="C.UTF-8")
    with tempfile.TemporaryDirectory() as folder:
        tool = pathlib.Path(folder, "upscale")
        tool.write_text(f'#!/bin/sh\nexec {WINE} "{program}" "$@"\n')
        tool.chmod(0o755)
        file = ROOT / "tests/cli/run.py"
        sys.argv = [str(file), str(tool), str(ROOT)]
        tests = runpy.run_path(str(file))["Cli"]
        names = [name for name in unittest.TestLoader().getTestCaseNames(tests) if name not in POSIX]
        result = unittest.TextTestRunner(verbosity=2).run(unittest.TestSuite(map(tests, names)))
        return not result.wasSuccessful()


if __name__ == "__main__":
    sys.exit(main())
