import json
import os
import importlib
import sys
import string
import decimal

before = json
importlib.reload(json)
found = [before is json, json.loads("[1]")]
del sys.modules["string"]
import string as again
found += [again is string, sorted(set(vars(again)) ^ set(vars(string)))]
sys.modules["decimal"] = None
try:
    import decimal as third
    found.append("imported")
except ImportError as error:
    found.append(str(error))
sys.modules["colorsys"] = type(sys)("colorsys")
import colorsys
found.append(vars(colorsys).get("rgb_to_hsv"))
for name in [name for name in sys.modules if name.startswith("xml")]:
    del sys.modules[name]
import xml.dom.minidom
found.append(xml.dom.minidom.parseString("<a/>").toxml())
os.write(1, repr(found).encode())
