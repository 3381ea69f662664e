import os
import pandas
import no_such_module_at_all
os.write(1, b"never")
