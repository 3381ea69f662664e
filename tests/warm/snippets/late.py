import os, sys
before = sorted(sys.modules)
try:
    import pandas
except ImportError:
    pandas = None
import json, csv
after = sorted(sys.modules)
os.write(1, repr((before, after)).encode())
