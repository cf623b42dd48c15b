"""Twins without a debugger: ipykernel doesn't find debugpy, and works without it."""

import json
import shutil

import pytest
from common import BUILD
from conftest import COMMANDS, PYTHONS, Jupyter, fresh_home
from test_provisioner import executed, person, stanza  # noqa: F401

LOOK = "from ipykernel import debugger; print(debugger._is_debugpy_available)"


def looked(jupyter, kernels, name):
    kernel = jupyter.start(name)
    kernels.append(kernel)
    return kernel.run(LOOK)


def test_no_debugger(each_jupyter, kernels):
    """Each interpreter has one; the twin says that it hasn't, and its kernel runs code."""
    each_jupyter.install("--name", "lean", "--no-debugger")
    assert looked(each_jupyter, kernels, "python3-isolated") == "True"
    assert looked(each_jupyter, kernels, "lean") == "False"
    assert kernels[-1].run("def f(x):\n    return x + 1\nf(1)") == "2"
    assert each_jupyter.spec("lean")["metadata"]["debugger"] is False


def test_the_users_own_copy(tmp_path, kernels):
    """Python would take the system's if it didn't find the user's own."""
    jupyter = Jupyter(fresh_home(tmp_path), PYTHONS["debian"])
    site = jupyter.home / ".local/lib" / next((BUILD / "venv-ipykernel7/lib").iterdir()).name / "site-packages"
    site.mkdir(parents=True)
    shutil.copytree("/usr/lib/python3/dist-packages/debugpy", site / "debugpy", symlinks=True)
    jupyter.install("--name", "lean", "--no-debugger")
    dirs = jupyter.spec("lean")["env"]["MNTDIRS_KERNEL"]
    assert f"{site}/debugpy=none" in dirs and "/usr/lib/python3/dist-packages/debugpy=none" in dirs
    assert looked(jupyter, kernels, "lean") == "False"


@pytest.mark.parametrize("option, found", [(["--no-debugger"], "False\n"), ([], "True\n")])
def test_without_a_twin(person, option, found):  # noqa: F811
    stanza(person, spec_options=option)
    assert executed(person, "--kernel_name=guarded", code=LOOK) == found


def test_update(jupyter, kernels):
    """It can be left out later, and a copy that is installed after that is said."""
    jupyter.env["JUPYTER_PATH"] = str(jupyter.home / "prefix/share/jupyter")
    command = COMMANDS / "isolate-kernelspec"
    jupyter.run(command, "update", "python3-isolated", "--no-debugger")
    assert looked(jupyter, kernels, "python3-isolated") == "False"
    (listed,) = json.loads(jupyter.run(command, "list", "--json").stdout)["kernels"]
    assert listed["no_debugger"] and listed["state"] == "ok"
    (jupyter.home / "more/debugpy").mkdir(parents=True)
    later = {"PYTHONPATH": str(jupyter.home / "more")}
    jupyter.edit("python3-isolated", lambda spec: spec["env"].update(MNTDIRS=f". ro:{jupyter.home}/more"))
    (listed,) = json.loads(jupyter.run(command, "list", "--json", env=later).stdout)["kernels"]
    assert listed["state"] == "debugger shown"
