#!/usr/bin/env python3
"""Prints the table of docs/containment.md: what became of the hostile programs, by class.

    tools/containment_table.py NAME=REPORT [NAME=REPORT ...]

REPORT is the output of `fumehood doctor --attack --json`; NAME heads its column. A cell counts trials: those of programs
on their own, of snippets in a fresh interpreter, of snippets forked from a warm one; the last are left out of columns of
hosts that fork none.
"""

import collections
import json
import sys

MODES = ("exec", "cold", "warm")


def main():
    if len(sys.argv) < 2 or any("=" not in argument for argument in sys.argv[1:]):
        sys.exit(__doc__)
    columns = {}
    for argument in sys.argv[1:]:
        name, path = argument.split("=", 1)
        with open(path) as file:
            columns[name] = json.load(file)
    rows = collections.defaultdict(lambda: {name: collections.Counter() for name in columns})
    programs = collections.defaultdict(set)
    for name, report in columns.items():
        for trial in report["trials"]:
            for row in ((trial["family"], trial["class"]), (trial["family"], "**all**")):
                rows[row][name][trial["outcome"], trial["mode"]] += 1
                programs[row].add(trial["name"])
    print("| family | class | programs |" + "".join(" %s |" % name for name in columns))
    print("|---|---|---|" + "---|" * len(columns))
    order = {family: place for place, family in enumerate(("escape", "exhaustion", "forgery"))}
    for row in sorted(rows, key=lambda row: (order[row[0]], row[1] == "**all**", row[1])):
        cells = []
        for name, counter in rows[row].items():
            parts = []
            # What could not be tried warm is no news in every cell.
            modes = MODES if columns[name]["warm"] else MODES[:2]
            for became in ("held", "gap", "failed", "skipped"):
                counts = [counter[became, mode] for mode in modes]
                if any(counts):
                    parts.append("%s %s" % (" / ".join(map(str, counts)), became))
            cells.append(" %s |" % ", ".join(parts))
        print("| %s | %s | %d |%s" % (*row, len(programs[row]), "".join(cells)))
    print()
    for name, report in columns.items():
        late = [family["latest_ms"] for family in report["families"] if family.get("latest_ms") is not None]
        print("- %s: %d of %d honest programs in between unharmed; %s%s" % (
            name, report["honest"][1], report["honest"][0],
            "the host is as it was" if not report["host"] else "on the host: " + "; ".join(report["host"]),
            "; ended at most %d ms after a time limit" % max(late) if late else ""))


if __name__ == "__main__":
    main()
