import xml
import os
import concurrent
import email
import importlib
import urllib

found = []
for module, name in ((xml, "dom"), (xml, "etree"), (xml, "sax"), (concurrent, "futures"), (email, "mime"),
                     (importlib, "metadata"), (urllib, "robotparser"), (urllib, "request")):
    try:
        found.append(repr(getattr(module, name)))
    except AttributeError as error:
        found.append(str(error))
os.write(1, repr(found).encode())
