import gc
import os
import weakref
import sys
import csv

class Node:
    pass

node = Node()
node.self = node
gone = []
ref = weakref.ref(node, gone.append)
del node
gc.collect()
module = weakref.ref(csv)
del sys.modules["csv"], csv
gc.collect()
found = [len(gone), gc.isenabled(), gc.get_threshold(), gc.get_freeze_count(), gc.get_debug(), len(gc.callbacks), module() is None,
         any(type(item) is type(os) and item is os for item in gc.get_objects()), len(gc.garbage)]
os.write(1, repr(found).encode())
