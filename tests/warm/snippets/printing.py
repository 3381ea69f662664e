import this
import os
import sys

text = sys.stdout.getvalue()
print("more")
os.write(1, repr([text, sys.stdout.getvalue(), this.s[:20]]).encode())
