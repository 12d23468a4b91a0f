"""Run the scripts of ``models/`` one after another, in this folder: ``python train.py FOLDER NAME ...``.

Run in the newcomer's environment, which does not know this checkout. ``expected/<name>.parquet`` holds what the model
itself predicts for the table ``data/<name>.parquet``.
"""

import runpy
import sys
from pathlib import Path

import pandas as pd

if __name__ == "__main__":
    scripts, *names = sys.argv[1:]
    for folder in ("data", "expected"):
        Path(folder).mkdir(exist_ok=True)
    for name in names:
        values = runpy.run_path(str(Path(scripts) / f"{name}.py"), run_name="__main__")["predictions"]
        frame = values if isinstance(values, pd.DataFrame) else pd.DataFrame({"prediction": values})
        frame.to_parquet(Path("expected") / f"{name}.parquet", index=False)
