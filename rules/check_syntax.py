"""Says which files are no Python, then becomes a scanner.

    python check_syntax.py TREE SCANNER ARGUMENT...

Some scanners read on where Python does not, and a file that one has understood in its own way would count as analysed. The
first line of the output is {"not_python": {path: why}}, all others are the scanner's own.
"""

import ast
import json
import os
import sys

tree, command = sys.argv[1], sys.argv[2:]
not_python = {}
for folder, _, names in os.walk(tree):
    for name in names:
        if not name.endswith(".py"):
            continue
        path = os.path.join(folder, name)
        try:
            with open(path, "rb") as file:
                compile(file.read(), path, "exec", ast.PyCF_ONLY_AST, dont_inherit=True)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            not_python[path] = "%s: %s" % (type(error).__name__, str(error)[:200])
print(json.dumps({"not_python": not_python}), flush=True)
os.execv(command[0], command)
