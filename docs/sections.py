# SPDX-License-Identifier: Apache-2.0
"""Pages whose sections are measured singly: docs/performance.md by bench/report.py, docs/quality.md by make_quality.py."""


def rewrite(page, head, sections):
    """Writes `head` and the sections, (title, text) each; one without a text stays as it is on the page, if it is there."""
    old = {part.split("\n")[0]: part for part in page.read_text().split("\n## ")[1:]} if page.exists() else {}
    parts = [head]
    for title, text in sections:
        if text:
            parts.append(f"{title}\n\n{text}")
        elif title in old:
            parts.append(old[title])
    page.write_text("\n## ".join(part.rstrip() + "\n" for part in parts))
