"""Says, as JSON, which directories this Python needs to read.

Run by isolate-kernelspec with the kernel's own interpreter, and the names of
modules, of which it also says which aren't there. The prefixes hold
the interpreter and its library; sys.path and the .pth files lead to the user's
packages and to projects installed to be edited in place. It also says where its
debugger is, and what the bytecode of its library and packages has to be.
"""

import importlib.util
import json
import os
import site
import sys

needed = [sys.prefix, sys.base_prefix, sys.exec_prefix, os.path.dirname(os.path.realpath(sys.executable))]
sites = list(getattr(site, "getsitepackages", lambda: [])())
if site.ENABLE_USER_SITE:
    sites.append(site.getusersitepackages())
needed += sites
needed += [p for p in sys.path if p]


def finder_targets(entry):
    """The directories that a setuptools finder of an editable install maps to."""
    try:
        __import__(entry)
        return [os.path.dirname(p) if not os.path.isdir(p) else p for p in getattr(sys.modules[entry], "MAPPING", {}).values()]
    except Exception:
        return []


for directory in sites:
    try:
        names = sorted(os.listdir(directory))
    except OSError:
        continue
    for name in names:
        if not name.endswith(".pth"):
            continue
        with open(os.path.join(directory, name), errors="replace") as lines:
            for line in lines:
                line = line.strip()
                if line.startswith("import __editable__"):
                    needed += finder_targets(line.split(";")[0].split()[1])
                elif line and not line.startswith(("import", "#")):
                    needed.append(os.path.join(directory, line))

# A link on the way leads somewhere that has to be there as well: pyenv's and
# uv's interpreters are links into a directory of theirs.
paths = []
for path in needed:
    for p in (os.path.abspath(path), os.path.realpath(path)):
        if os.path.exists(p) and p not in paths:
            paths.append(p)


def is_missing(module):
    try:
        return importlib.util.find_spec(module) is None
    except Exception:
        return True


def copies(package):
    """Each directory that the package could be imported from: without one, Python takes the next."""
    found = [os.path.join(p, package) for p in sys.path if p]
    try:
        found += importlib.util.find_spec(package).submodule_search_locations
    except Exception:
        pass
    return sorted({os.path.realpath(p) for p in found if os.path.isdir(p)})


missing = [module for module in sys.argv[1:] if is_missing(module)]
libraries = sorted({os.path.realpath(p) for p in [os.path.dirname(os.__file__), *sites] if os.path.isdir(p)})
kept = sys.implementation.cache_tag and not sys.pycache_prefix  # beside the modules, where isolated kernels see it
json.dump(
    {
        "executable": sys.executable,
        "paths": paths,
        "missing": missing,
        "debugger": copies("debugpy"),
        "libraries": libraries,
        "suffix": os.path.basename(importlib.util.cache_from_source("x.py"))[1:] if kept else "",
        "magic": importlib.util.MAGIC_NUMBER.hex(),
    },
    sys.stdout,
)
