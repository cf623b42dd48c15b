"""Interpreters with libraries outside of the base system, as Nix, Guix, Spack and EasyBuild install them."""

import json
import pathlib
import re
import shutil
import tempfile

import pytest
from common import BUILD
from conftest import COMMANDS, PYTHONS, Jupyter, fresh_home
from test_install import make_base

COMMAND = COMMANDS / "isolate-kernelspec"


@pytest.fixture
def short():
    """A directory with a path that is no longer than a loader's."""
    directory = pathlib.Path(tempfile.mkdtemp(prefix="l", dir="/tmp"))
    yield directory
    shutil.rmtree(directory)


@pytest.fixture
def person(tmp_path, short):
    """A person with a Python whose loader and one of its libraries are in places of their own."""
    jupyter = Jupyter(fresh_home(tmp_path), PYTHONS["ipykernel7"])
    store = jupyter.home / "store"
    for directory in ("python/bin", "expat/lib"):
        (store / directory).mkdir(parents=True)

    python = pathlib.Path("/usr/bin/python3").resolve().read_bytes()
    loader = re.search(rb"/lib[^\0]*/ld-linux[^\0]*", python).group()
    shutil.copy(loader.decode(), short / "ld")
    python = python.replace(loader, str(short / "ld").encode().ljust(len(loader), b"\0"))
    python = python.replace(b"libexpat.so.1", b"libexpaX.so.1")
    (store / "python/bin/python3").write_bytes(python)
    (store / "python/bin/python3").chmod(0o755)
    (expat,) = pathlib.Path("/usr/lib").glob("*/libexpat.so.1")
    shutil.copy(expat, store / "expat/lib/libexpaX.so.1")

    packages = next((BUILD / "venv-ipykernel7/lib").iterdir()) / "site-packages"
    make_base(jupyter, "own", {
        "argv": [str(store / "python/bin/python3"), "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "env": {"LD_LIBRARY_PATH": str(store / "expat/lib"), "PYTHONPATH": str(packages)}, "display_name": "O", "language": "python"})
    return jupyter


def entries(person):
    spec = json.loads((person.home / "path/kernels/own-isolated/kernel.json").read_text())
    return spec["env"]["MNTDIRS_KERNEL"].split(" ")


def hide(person, path):
    """Takes an entry out of the twin, and of what is known of its making."""
    for name in ("kernel.json", "isolate.json"):
        file = person.home / "path/kernels/own-isolated" / name
        file.write_text(file.read_text().replace(f"ro,try:{path}", ""))


def test_twin_starts(person, short):
    """All that it is linked with is shown at once."""
    assert person.run(COMMAND, "install", "own").stderr == ""
    assert {f"ro,try:{short}/ld", f"ro,try:{person.home}/store/expat/lib/libexpaX.so.1"} <= set(entries(person))
    done = person.run("jupyter", "run", "--kernel", "own-isolated", input="import pyexpat, sys; print(sys.executable)", cwd=person.workdir())
    assert done.stdout == f"{person.home}/store/python/bin/python3\n"
    assert person.run(COMMAND, "list").stderr == ""


@pytest.mark.parametrize("which", ["library", "loader"])
def test_what_is_missing_is_said(person, short, which):
    person.run(COMMAND, "install", "own")
    path = short / "ld" if which == "loader" else person.home / "store/expat/lib/libexpaX.so.1"
    hide(person, path)
    listed = person.run(COMMAND, "list")
    assert f"note: own-isolated: library missing: {path}; isolate-kernelspec update own-isolated" in listed.stderr
    examined = person.run(COMMAND, "doctor", check=False)
    assert examined.returncode == 1 and re.search(rf"^own-isolated +missing +library missing: {path};", examined.stdout, re.MULTILINE)
    done = person.run("jupyter", "run", "--kernel", "own-isolated", input="print(1)", cwd=person.workdir(), check=False)
    assert "1\n" not in done.stdout  # the control: none starts

    person.run(COMMAND, "update", "own-isolated")
    assert person.run(COMMAND, "list").stderr == ""


def test_packages_that_are_links(person):
    """As in an environment of Spack's or Nix's."""
    package = person.home / "store/mine/lib/python3/site-packages/mine"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("answer = 42\n")
    view = person.home / "view/site-packages"
    view.mkdir(parents=True)
    (view / "mine").symlink_to(package)
    base = person.home / "path/kernels/own/kernel.json"
    spec = json.loads(base.read_text())
    spec["env"]["PYTHONPATH"] += f":{view}"
    base.write_text(json.dumps(spec))
    person.run(COMMAND, "install", "own")
    done = person.run("jupyter", "run", "--kernel", "own-isolated", input="import mine; print(mine.answer)", cwd=person.workdir())
    assert done.stdout == "42\n"
