#!/usr/bin/env python3
"""Draws pairs of real codes to be labelled by hand, and shows them without what the classifier says.

    FUMEHOOD_LABEL_POOL=POOL cargo test --test autopsy the_pool
    tools/failure_labels.py draw POOL DRAWN [--labels N] [--most N] [--seed N]
    tools/failure_labels.py show DRAWN FIRST LAST
    tools/failure_labels.py store DRAWN ANSWERS > fixtures/labels/failure_classes.jsonl

POOL is JSONL, one pair a line, with the class that the rules predict (`predicted`). `draw` takes up to --most (20)
pairs of each class but `other` at random, and fills up to --labels (100) with pairs of `other`; it splits each class
at random into two halves (`development`, `held-out`), shuffles everything and numbers it. It prints nothing of what is
predicted. `show` prints pairs by number: task, what was asked, both codes. `store` joins the answers (JSONL: `number`,
`label`, `second`, `sure`, `reason`) with the places and digests (SHA-256) of the codes, but not the codes.
"""

import argparse
import hashlib
import json
import random
import re
import sys

CLASSES = ["removed-code", "junk", "not-following", "missing-import", "other"]
KEPT = ["dataset", "task", "base", "technique"]


def rows(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file if line.strip()]


def draw(options):
    generator = random.Random(options.seed)
    strata = {name: [] for name in CLASSES}
    for row in rows(options.pool):
        strata[row["predicted"]].append(row)
    drawn = []
    for name, members in strata.items():
        wanted = options.labels - len(drawn) if name == "other" else options.most
        taken = generator.sample(members, min(wanted, len(members)))
        for at, row in enumerate(taken):
            row["stratum"] = {"predicted": row.pop("predicted"), "pool": len(members), "drawn": len(taken)}
            # The first half of a random order is a random half; odd ones go to either in turn.
            extra = len(taken) % 2 and CLASSES.index(name) % 2
            row["half"] = "development" if at < len(taken) // 2 + extra else "held-out"
        drawn += taken
    generator.shuffle(drawn)
    with open(options.drawn, "w", encoding="utf-8") as file:
        for number, row in enumerate(drawn, 1):
            file.write(json.dumps({"number": number, **row}) + "\n")


def without_docstring(code, shown):
    """The code, without a docstring that was shown already."""

    def short(match):
        text = " ".join(match.group(0).split())
        if text in shown:
            return '"""[as above]"""'
        shown.add(text)
        return match.group(0)

    return re.sub(r'("""|\'\'\')(?:.|\n)*?\1', short, code)


def show(options):
    for row in rows(options.drawn):
        if options.first <= row["number"] <= options.last:
            print(f"######## {row['number']}  {row['dataset']}  {row['task']}  entry: {row['entry']}")
            shown = set()
            if row["dataset"] == "mbpp":
                print("---- asked\n" + without_docstring(row["prompt"].strip(), shown))
            print("---- base\n" + without_docstring(row["before"].strip("\n"), shown))
            print("---- technique\n" + without_docstring(row["after"].strip("\n"), shown))


def digest(code):
    return hashlib.sha256(code.encode("utf-8")).hexdigest()


def store(options):
    answers = {row["number"]: row for row in rows(options.answers)}
    for row in rows(options.drawn):
        answer = answers[row["number"]]
        if answer["label"] not in CLASSES or answer["second"] not in CLASSES:
            sys.exit(f"number {row['number']}: no such class")
        print(json.dumps({
            "number": row["number"], **{key: row[key] for key in KEPT},
            "base_sha256": digest(row["before"]), "technique_sha256": digest(row["after"]),
            "label": answer["label"], "second": answer["second"], "sure": answer["sure"], "reason": answer["reason"],
            "half": row["half"], "stratum": row["stratum"],
        }))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("draw")
    command.add_argument("pool")
    command.add_argument("drawn")
    command.add_argument("--labels", type=int, default=100)
    command.add_argument("--most", type=int, default=20)
    command.add_argument("--seed", type=int, default=20261126)
    command.set_defaults(run=draw)
    command = commands.add_parser("show")
    command.add_argument("drawn")
    command.add_argument("first", type=int)
    command.add_argument("last", type=int)
    command.set_defaults(run=show)
    command = commands.add_parser("store")
    command.add_argument("drawn")
    command.add_argument("answers")
    command.set_defaults(run=store)
    options = parser.parse_args()
    options.run(options)


if __name__ == "__main__":
    main()
