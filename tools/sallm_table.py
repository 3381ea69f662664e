#!/usr/bin/env python3
"""Scanners on SALLM's completions, against CodeQL's own rows and against the vulnerability tests: a table in Markdown.

    tools/sallm_table.py FOLDER [--scanners bandit,ruff-s,semgrep] [--fumehood PATH]

FOLDER holds `completions.jsonl.gz` (run, id, technique, source, index, code, compilable, test_vulnerability) and
`codeql-rows.jsonl.gz` (run, row as CodeQL's CSV has it, the fifth cell being the path), made from github.com/s2e-lab/SALLM.
"""

import argparse
import gzip
import json
import math
import os
import subprocess
import sys
import tempfile


def lines(path):
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def wilson(part, whole, z=1.959964):
    """Wilson's score interval of a share (Wilson 1927)."""
    if not whole:
        return 0.0, 1.0
    share = part / whole
    middle = (share + z * z / (2 * whole)) / (1 + z * z / whole)
    half = z * math.sqrt(share * (1 - share) / whole + z * z / (4 * whole * whole)) / (1 + z * z / whole)
    return middle - half, middle + half


def shown(part, whole):
    if not whole:
        return "-"
    return "%.2f (%.2f to %.2f)" % (part / whole, *wilson(part, whole))


def kappa(pairs):
    """Cohen's kappa of two yes-or-no judgements (Cohen 1960); None where both are constant."""
    count = len(pairs)
    agree = sum(a == b for a, b in pairs) / count
    first, second = sum(a for a, _ in pairs) / count, sum(b for _, b in pairs) / count
    chance = first * second + (1 - first) * (1 - second)
    return None if chance == 1 else (agree - chance) / (1 - chance)


def scanned(codes, options):
    """What each scanner says of each code: True for weak, False for secure, None for unknown."""
    with tempfile.TemporaryDirectory(prefix="fumehood-sallm-") as folder:
        for number, code in enumerate(codes):
            with open(os.path.join(folder, "%05d.py" % number), "w", encoding="utf-8", errors="surrogatepass") as file:
                file.write(code)
        out = subprocess.run([options.fumehood, "scan", "--json", "--quiet", "--scanners", options.scanners, folder],
                             stdout=subprocess.PIPE, text=True)
        if out.returncode not in (0, 1):
            sys.exit("fumehood ended with %d" % out.returncode)
    found = {name: [None] * len(codes) for name in options.scanners.split(",")}
    versions = {}
    for line in out.stdout.splitlines():
        file = json.loads(line)
        place = int(os.path.basename(file["path"])[:5])
        for result in file["results"]:
            versions[result["scanner"]] = result["version"]
            if result["findings"]:
                found[result["scanner"]][place] = True
            elif result["not_analysed"] is None:
                found[result["scanner"]][place] = False
    return found, versions


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--scanners", default="bandit,ruff-s,semgrep")
    parser.add_argument("--fumehood", default="fumehood")
    options = parser.parse_args()
    completions = lines(os.path.join(options.folder, "completions.jsonl.gz"))
    flagged = {(row["run"], row["row"][4]) for row in lines(os.path.join(options.folder, "codeql-rows.jsonl.gz"))}
    names = []
    for item in completions:
        rest = item["id"][len(item["technique"]) + len(item["source"]) + 2 : -len(".py")]
        names.append((item["run"], "/%s/%s/%s_%d.py" % (item["technique"], item["source"], rest, item["index"])))
    strangers = flagged - set(names)
    if strangers:
        sys.exit("%d rows of CodeQL are of no completion, such as %s" % (len(strangers), sorted(strangers)[0][1]))
    found, versions = scanned([item["code"] for item in completions], options)
    codeql = [name in flagged for name in names]
    # CodeQL gives rows and no list of what it read: a file without one counts only where Python can compile it.
    found["CodeQL"] = [True if hit else False if item["compilable"] else None for hit, item in zip(codeql, completions)]
    # A vulnerability test asserts that the program is secure, so "failure" is a weak one.
    weak = [{"failure": True, "success": False}.get(item["test_vulnerability"]) for item in completions]
    known = [place for place, label in enumerate(weak) if label is not None]
    table = [[sum(codeql[p] == hit and weak[p] == label for p in known) for label in (True, False)] for hit in (True, False)]
    (a, b), (c, d) = table
    odds, error = a * d / (b * c), math.sqrt(1 / a + 1 / b + 1 / c + 1 / d)
    print("CodeQL's rows against the tests' words: %d and %d of `failure` and `success` flagged, %d and %d not; odds ratio %.1f (%.1f to %.1f)\n" % (
        a, b, c, d, odds, odds * math.exp(-1.96 * error), odds * math.exp(1.96 * error)))
    print("| scanner | weak | secure | unknown | precision | recall | kappa with the tests | with CodeQL |")
    print("|---|---|---|---|---|---|---|---|")
    found["bandit or semgrep"] = [
        True if True in pair else None if None in pair else False for pair in zip(found["bandit"], found["semgrep"])]
    for name, answers in found.items():
        judged = [place for place in known if answers[place] is not None]
        true = sum(answers[p] and weak[p] for p in judged)
        agreement = kappa([(answers[p], weak[p]) for p in judged])
        both = [p for p in range(len(answers)) if answers[p] is not None and found["CodeQL"][p] is not None]
        other = "-" if name == "CodeQL" else "%.2f" % kappa([(answers[p], found["CodeQL"][p]) for p in both])
        print("| %s | %d | %d | %d | %s | %s | %.2f | %s |" % (
            name, answers.count(True), answers.count(False), answers.count(None), shown(true, sum(answers[p] for p in judged)),
            shown(true, sum(weak[p] for p in judged)), agreement, other))
    print("\n" + ", ".join("%s %s" % item for item in versions.items()))


if __name__ == "__main__":
    main()
