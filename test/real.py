"""The kernels of many languages and makers that scripts/setup installs."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
from common import BUILD
from conftest import PYTHONS, Jupyter, fresh_home

VENV, NODE = BUILD / "venv-kernels", BUILD / "node"


@dataclass
class Real:
    """One installed kernel, and what is known of it."""

    name: str
    specs: Path  # the directory of kernels that it is in
    code: str  # prints 42
    python: Path = VENV / "bin/python"  # the interpreter of the Jupyter that starts it
    faults: frozenset = frozenset()  # the checks of the protocol that it fails without isolation
    tries: int = 1  # how often to try, since it fails now and then without isolation

    def person(self, tmp_path):
        """A person whose Jupyter starts it, from a spec that is theirs to change."""
        home = fresh_home(tmp_path)
        jupyter = Jupyter(home, self.python)
        jupyter.env["PATH"] = f"{NODE / 'bin'}:{self.python.parent}:/usr/bin:/bin"  # the real node, before the Python wrapper of that name
        jupyter.env["JUPYTER_PATH"] = str(home / "prefix/share/jupyter")
        shutil.copytree(self.specs / self.name, self.base(jupyter))
        return jupyter

    def base(self, jupyter):
        return jupyter.home / "prefix/share/jupyter/kernels" / self.name

    def change_base(self, jupyter, change):
        path = self.base(jupyter) / "kernel.json"
        spec = json.loads(path.read_text())
        change(spec)
        path.write_text(json.dumps(spec))


DEBIAN = Path("/usr/share/jupyter/kernels")
ENDS = frozenset({"interrupt"})  # an interrupt ends the kernel

REAL = {
    "Debian's ipykernel": Real("python3", DEBIAN, "print(6*7)", PYTHONS["debian"]),
    "Debian's IRkernel": Real("ir", DEBIAN, "cat(6*7)", PYTHONS["debian"], tries=3),
    "Debian's xeus-python": Real("xpython", DEBIAN, "print(6*7)", PYTHONS["debian"], ENDS),
    "Debian's Octave": Real("octave", DEBIAN, "disp(6*7)", PYTHONS["debian"]),
    "ipykernel 6": Real("python3", BUILD / "venv-ipykernel6/share/jupyter/kernels", "print(6*7)", PYTHONS["ipykernel6"]),
    "ipykernel 7": Real("python3", BUILD / "venv-ipykernel7/share/jupyter/kernels", "print(6*7)", PYTHONS["ipykernel7"]),
    "bash_kernel": Real("bash", VENV / "share/jupyter/kernels", "echo $((6*7))"),
    "octave_kernel": Real("octave", VENV / "share/jupyter/kernels", "disp(6*7)"),
    "xeus-python": Real("xpython", VENV / "share/jupyter/kernels", "print(6*7)", faults=ENDS),
    "Deno": Real("deno", NODE / "share/jupyter/kernels", "console.log(6*7)", faults=ENDS),
    "tslab": Real("tslab", NODE / "share/jupyter/kernels", "console.log(6*7)"),
    "tslab's JavaScript": Real("jslab", NODE / "share/jupyter/kernels", "console.log(6*7)"),
}

# The second run, as another user, has no copy of these.
ONCE = {name for name, real in REAL.items() if VENV in real.specs.parents or NODE in real.specs.parents}


def each(names=REAL):
    """Runs a test for each of these kernels."""
    return pytest.mark.parametrize("real", [pytest.param(REAL[n], id=n, marks=[pytest.mark.once] if n in ONCE else []) for n in names])
