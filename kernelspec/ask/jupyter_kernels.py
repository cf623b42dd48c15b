"""Says, as JSON, what the Jupyter of this interpreter knows of kernels.

Run by isolate-kernelspec with the interpreter that runs Jupyter. The search
is Jupyter's own; its result is printed with what the clone of a kernel needs.
"""

import json
import os
import sys

from jupyter_client.kernelspec import KernelSpecManager
from jupyter_core.paths import jupyter_data_dir, jupyter_path

manager = KernelSpecManager()
specs = {}
for name, directory in manager.find_kernel_specs().items():
    spec = None
    if not os.path.exists(os.path.join(directory, "kernel.json")):
        # ipykernel's own, which is never written to disk.
        try:
            spec = manager.get_kernel_spec(name).to_dict()
        except Exception:
            continue
    specs[name] = {"dir": directory, "spec": spec}

# A twin in the place of python3 hides ipykernel's own, which it may be made from.
native = None
if os.path.exists(os.path.join(specs.get("python3", {}).get("dir", ""), "isolate.json")):
    try:
        from ipykernel.kernelspec import RESOURCES, get_kernel_dict

        native = {"dir": RESOURCES, "spec": get_kernel_dict()}
    except Exception:
        pass

json.dump(
    {
        "executable": sys.executable,
        "prefix": sys.prefix,
        "data_dir": jupyter_data_dir(),
        "path": jupyter_path("kernels"),
        "specs": specs,
        "native": native,
    },
    sys.stdout,
)
