import os
import subprocess
import pandas
import logging
import asyncio
import webbrowser
import sys

# What libraries took from `os` and `subprocess` when they were imported is what the driver had put there.
found = [subprocess.Popen.__name__, subprocess.run.__qualname__, os.kill.__qualname__, os.execv.__qualname__]
found += [os.system("exit 3"), subprocess.run("echo a", shell=True).stdout, os.popen("kill 1").read()]
found.append(subprocess.call(["true"]))
logging.getLogger("x").warning("to the stream of the driver")
found.append(sys.stderr.getvalue())
found.append(asyncio.run(asyncio.sleep(0, 5)))
process = subprocess.Popen(["sleep", "30"])
os.kill(process.pid, 9)
found.append(process.wait())
os.write(1, repr(found).encode())
