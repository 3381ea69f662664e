"""CodeShield's Insecure Code Detector over a whole batch: its expressions here, then its rules for Semgrep.

    python driver.py LANGUAGE TREE SEMGREP ARGUMENT...

CodeShield itself starts Semgrep for each file and reports the first match of each expression. Its rules are taken from it
as they are, those of its use case "cyberseceval". One thing is done otherwise: it passes over a match if its line begins or
the code before it ends like a comment, so that `/**/ gets(x)` is nothing to it; here a match is passed over if it begins
in a comment. The first line of the output is {"expressions": {path: {"lines": n, "hits": [...]} or {"problem": why}}}, all
others are Semgrep's own.
"""

import importlib.util
import io
import json
import os
import re
import sys
import tokenize
import types
from pathlib import Path

PACKAGE = "codeshield.insecure_code_detector"
ENDINGS = {"python": ".py", "c": ".c", "cpp": ".cpp"}
# Matches kept of one expression in one file; more are of no use to anybody.
MOST = 2000

# Comments, and what may hold their signs without being one. What begins like a string and does not end in its line is none.
C = re.compile(
    r'(?P<comment>//(?:\\\n|[^\n])*|/\*.*?(?:\*/|\Z))'
    r'|R"(?P<raw>[^()\\\s]{0,16})\(.*?\)(?P=raw)"'
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'(?:\\.|[^'\\\n])*'"
    r'|#[ \t]*include[ \t]*<[^>\n]*>',
    re.DOTALL,
)


def library():
    """The library, without what it does as it is imported: it makes a link beside the program of Semgrep."""
    # It has no file of its own at its root.
    [home] = importlib.util.find_spec("codeshield").submodule_search_locations
    root = Path(home) / "insecure_code_detector" / "rules"
    internal = types.ModuleType(PACKAGE + ".internal")
    internal.oss = types.SimpleNamespace(RULES_ROOT=root)
    # The library asks for this module first, which its makers have and others do not.
    sys.modules[internal.__name__] = internal
    from codeshield.insecure_code_detector import analyzers, insecure_patterns, languages, usecases

    return root, analyzers, insecure_patterns, languages, usecases


def comments_of_c(text):
    return [found.span() for found in C.finditer(text) if found.lastgroup == "comment"]


def comments_of_python(text):
    starts = [0]
    for line in text.split("\n"):
        starts.append(starts[-1] + len(line) + 1)
    spans = []
    for token in tokenize.generate_tokens(io.StringIO(text, newline="\n").readline):
        if token.type == tokenize.COMMENT:
            spans.append((starts[token.start[0] - 1] + token.start[1], starts[token.end[0] - 1] + token.end[1]))
    return spans


def within(spans, at):
    low, high = 0, len(spans)
    while low < high:
        middle = (low + high) // 2
        if spans[middle][1] <= at:
            low = middle + 1
        else:
            high = middle
    return low < len(spans) and spans[low][0] <= at


def look(path, language, patterns):
    with open(path, encoding="utf-8") as file:
        # With every end of a line as `\n`.
        text = file.read()
    spans = (comments_of_python if language == "python" else comments_of_c)(text)
    hits = []
    for pattern, expression in patterns:
        line, counted = 1, 0
        for number, found in enumerate(expression.finditer(text)):
            if number == MOST:
                return {"problem": "more than %d matches of %s" % (MOST, pattern.pattern_id)}
            line += text.count("\n", counted, found.start())
            counted = found.start()
            if not within(spans, found.start()):
                hits.append({
                    "rule": pattern.pattern_id or "",
                    "line": line,
                    "cwe": pattern.cwe_id or "",
                    "severity": pattern.severity,
                    "message": pattern.description,
                })
    return {"lines": text.count("\n") + (not text.endswith("\n")), "hits": hits}


def main():
    language, tree, command = sys.argv[1], sys.argv[2], sys.argv[3:]
    root, analyzers, insecure_patterns, languages, usecases = library()
    patterns = insecure_patterns.load(
        languages.Language(language), analyzers.Analyzer.REGEX, usecases.UseCase.CYBERSECEVAL
    )
    # The library says no more than a line in its log where it cannot read its rules.
    if not patterns:
        sys.exit("CodeShield has no expressions for " + language)
    patterns = [(pattern, re.compile(pattern.rule)) for pattern in patterns if pattern.severity.lower() != "disabled"]
    seen = {}
    for folder, _, names in os.walk(tree):
        for name in names:
            if not name.endswith(ENDINGS[language]):
                continue
            path = os.path.join(folder, name)
            try:
                seen[path] = look(path, language, patterns)
            except (ValueError, SyntaxError, tokenize.TokenError, RecursionError, MemoryError) as error:
                seen[path] = {"problem": "%s: %s" % (type(error).__name__, str(error)[:200])}
    print(json.dumps({"expressions": seen}), flush=True)
    rules = root / "semgrep" / "_generated_" / ("%s_cyberseceval.json" % language)
    os.execv(command[0], command + ["--config", str(rules)])


main()
