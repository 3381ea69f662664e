#!/usr/bin/env python3
"""Draws what `perf script` prints as a flame graph: one SVG, no library, no script in it.

    perf record -a -e cpu-clock -F 499 -g -o data -- fumehood bench --rounds 1 --seconds 5
    perf script -i data | tools/flame_graph.py [--title TEXT] [--only COMMAND,...] > graph.svg

The width of a box is the share of samples in which its function was on the stack; callers are below, and the lowest row
is the command. Hovering shows the full name. `--only` keeps samples of these commands. Boxes under 0.1 % are left out.
"""

import argparse
import colorsys
import re
import sys
from xml.sax.saxutils import escape

WIDTH, ROW, LEAST = 1400, 17, 0.001


def stacks(lines):
    """(command, frames from the outermost on) of each sample."""
    command, frames = None, []
    for line in lines:
        if not line.strip():
            if command:
                yield command, frames[::-1]
            command, frames = None, []
        elif line[0].isspace():
            # An address, a name with an offset, a file in parentheses.
            name = re.sub(r"^\s*[0-9a-f]+\s+", "", line.rstrip())
            file = name.rpartition(" (")[2].rstrip(")")
            name = re.sub(r"(\+0x[0-9a-f]+)?( \([^()]*\))?$", "", name)
            kernel = "kernel" in file or file.endswith(".ko")
            frames.append((name if name != "[unknown]" else "[%s]" % file.rpartition("/")[2], kernel))
        else:
            # The command may hold blanks; a process id and a time follow it.
            command = re.split(r"\s+\d+(/\d+)?\s+(\[\d+\]\s+)?\d+\.\d+:", line)[0].strip()
    if command:
        yield command, frames[::-1]


class Box:
    def __init__(self):
        self.count, self.above = 0, {}


def colour(hue):
    parts = colorsys.hls_to_rgb(hue / 360, 0.72, 0.7)
    return "#" + "".join("%02x" % round(part * 255) for part in parts)


def draw(box, name, kernel, left, level, scale, out):
    width = box.count * scale
    if width < LEAST * WIDTH:
        return level
    hue = 205 if kernel else 20 + sum(name.encode()) % 35
    share = 100.0 * width / WIDTH
    text = name if len(name) * 7 < width - 6 else name[: int((width - 6) / 7)]
    out.append((level, '<g><title>%s: %.1f %%</title><rect x="%.1f" y="{y}" width="%.1f" height="%d" rx="1" fill="%s" '
                'stroke="white" stroke-width="0.5"/>%s</g>' % (
                    escape(name), share, left, width, ROW - 1, colour(hue),
                    '<text x="%.1f" y="{t}">%s</text>' % (left + 3, escape(text)) if len(text) > 2 else "")))
    highest = level
    for (above, in_kernel), more in sorted(box.above.items()):
        highest = max(highest, draw(more, above, in_kernel, left, level + 1, scale, out))
        left += more.count * scale
    return highest


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--title", default="")
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    only = set(filter(None, options.only.split(",")))
    root = Box()
    for command, frames in stacks(sys.stdin):
        if only and command not in only:
            continue
        box = root
        box.count += 1
        for frame in [(command, False), *frames]:
            box = box.above.setdefault(frame, Box())
            box.count += 1
    if not root.count:
        sys.exit("no sample in what perf printed")
    out = []
    highest = draw(root, "all, %d samples" % root.count, False, 0.0, 0, WIDTH / root.count, out)
    height = (highest + 3) * ROW
    print('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="monospace" font-size="11">' % (WIDTH, height))
    print('<rect width="100%%" height="100%%" fill="white"/><text x="4" y="13">%s</text>' % escape(options.title))
    for level, text in out:
        y = height - (level + 1) * ROW - 4
        print(text.replace("{y}", str(y)).replace("{t}", str(y + 12)))
    print("</svg>")


if __name__ == "__main__":
    main()
