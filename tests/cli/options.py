# SPDX-License-Identifier: Apache-2.0
"""The options that a command's --help lists."""
import re


def listed(text):
    """Short name, or "", and long name of every option."""
    return re.findall(r"^ *(?:(-\w),)?(--[\w-]+)", text.partition("Examples:")[0], re.M)


def untested(text, tests):
    """The options that no line of the tests uses, by either name."""
    return [long for short, long in listed(text)
            if not any(f'"{name}"' in tests for name in (short, long) if name)]
