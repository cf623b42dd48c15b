"""Opening a stranger's notebook: JupyterLab starts its kernel at once, and what lies beside it."""

import pytest
from lab import Lab, lab_server
from machine import Machine, write_notebook

# In the place of ipykernel's own program, which Python looks for in the working directory first.
PROGRAM = """
import pathlib, runpy, sys
pathlib.Path("ran").write_text("yes")
try:
    pathlib.Path({outside!r}).write_text("yes")
except OSError:
    pass
del sys.path[0]
runpy.run_module("ipykernel_launcher", run_name="__main__")
"""


@pytest.mark.parametrize("default", [True, False], ids=["default", "control"])
def test_opening_runs_nothing_outside(browser, tmp_path, default):
    machine = Machine(tmp_path / "home")
    order = {"JUPYTER_PREFER_ENV_PATH": "0"}  # the environment is that of all tests
    if default:
        machine.run("isolate-kernelspec", "install", "python3", "--default", "--user", env=order)
    directory = machine.course / "download"
    write_notebook(directory / "hello.ipynb", "python3", machine.looks())
    outside = machine.home / "outside"
    (directory / "ipykernel_launcher.py").write_text(PROGRAM.format(outside=str(outside)))

    with lab_server(machine, machine.course, tmp_path / "server.log", env=order) as url:
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        lab = Lab(page, url).open("download/hello.ipynb")
        assert (directory / "ran").exists()  # by opening alone
        assert outside.exists() == (not default)
        lab.run(0, f"sees secret: {not default}")
        page.close()
