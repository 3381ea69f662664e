import numpy as np
import pandas as pd
import matplotlib.pyplot as plt
import scipy
import json, os, sys, warnings, logging

def tree():
    return [(folder, sorted(names)) for folder, _, names in os.walk("/tmp")]

frame = pd.DataFrame({"a": [1, 2], "b": [np.nan, 0.5]})
figure, axes = plt.subplots()
axes.plot([1, 2], label="x")
axes.legend()
figure.canvas.draw()
np.random.seed(3)
state = {
    "modules": sorted(sys.modules), "backend": plt.get_backend(), "rc": repr(sorted(plt.rcParams.items())),
    "repr": repr(frame) + repr(frame.describe()), "drawn": hash(figure.canvas.buffer_rgba().tobytes()),
    "tree": tree(), "seeded": np.random.rand(3).tolist(), "errors": np.geterr(), "print": np.get_printoptions(),
    "options": pd.options.display.max_rows, "lazy": [hasattr(scipy, "linalg"), "scipy.linalg" in sys.modules, hasattr(np, "testing")],
    "warnings": [str(f) for f in warnings.filters], "loggers": sorted(logging.root.manager.loggerDict),
    "fonts": len(__import__("matplotlib.font_manager").font_manager.fontManager.ttflist),
    "colormaps": len(plt.colormaps()), "figures": plt.get_fignums(), "cache": oct(os.stat("/tmp/matplotlib").st_mode),
    "sizes": [os.path.getsize(os.path.join(folder, name)) for folder, names in tree() for name in names],
}
os.write(1, json.dumps(state, default=str).encode())
