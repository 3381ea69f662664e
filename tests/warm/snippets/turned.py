import random, os
import uuid
import secrets
random.seed(5)
found = [random.random(), random.Random(7).random(), random.getstate()[1][624]]
os.write(1, repr(found).encode())
