"""What a person sees in JupyterLab if there is no kernel or it has ended; programs see no kernel."""

import sys

import nbformat
import pytest
from lab import Lab
from machine import write_notebook

REASON = "no such file or directory"
REMEDY = "remove it from the mounts"
INHERITED = {"JPY_SESSION_NAME": "/somewhere/notebook.ipynb"}


@pytest.fixture
def lab(browser, server):
    page = browser.new_page(viewport={"width": 1280, "height": 640})
    yield Lab(page, server)
    page.close()


@pytest.fixture
def broken(machine, tmp_path):
    """The name of a kernel that needs a directory, and the directory, which is gone."""
    data = tmp_path / "data"
    data.mkdir()
    machine.run("isolate-kernelspec", "install", "--user", "python3", "--name", "python3-data", "--display-name", "Python with data", "--mount", data)
    data.rmdir()
    return "python3-data", data


def test_cells_say_why_until_it_is_put_right(lab, machine, broken):
    name, data = broken
    path = write_notebook(machine.course / "homework.ipynb", name, "6 * 7", "import math\nmath.sqrt(16)")
    lab.open(path.name)
    for number in (0, 1):
        lab.run(number, REASON)
        lab.says(number, REMEDY)
    lab.screenshot("error-kernel")
    data.mkdir()
    lab.command("restart-kernel")
    lab.accept()
    lab.idle()
    lab.run(0, "42")


def test_the_cell_says_which_limit_killed_the_kernel(lab, machine):
    machine.run("isolate-kernelspec", "install", "--user", "python3", "--name", "python3-small", "--display-name", "Small Python", "--cpu-time", "4s")
    path = write_notebook(machine.course / "hungry.ipynb", "python3-small", "while True: pass", "6 * 7")
    lab.open(path.name)
    lab.run(0, "the CPU time limit of 4s (--cpu-time)")
    lab.screenshot("killed-kernel")
    lab.accept()  # that the kernel is restarted
    lab.idle()
    lab.run(1, "42")
    assert lab.output(0).text_content().count("the CPU time limit") == 1


@pytest.mark.parametrize(
    "command",
    [
        ["jupyter", "nbconvert", "--to", "notebook", "--execute", "--inplace", "--allow-errors", "{book}"],
        ["jupyter", "execute", "--inplace", "--allow-errors", "{book}"],
        ["papermill", "{book}", "{book}"],
        # In the process of a notebook's kernel, as papermill and nbclient are used there.
        [sys.executable, "-c", "import nbformat, nbclient, sys; nbclient.execute(nbformat.read(sys.argv[1], 4), allow_errors=True)", "{book}"],
        # A program that sets the variable itself.
        [
            sys.executable,
            "-c",
            "import os; os.environ['JPY_SESSION_NAME'] = '/set/in/the/process.ipynb'; "
            "import nbformat, nbclient, sys; nbclient.execute(nbformat.read(sys.argv[1], 4), allow_errors=True)",
            "{book}",
        ],
    ],
    ids=["nbconvert", "execute", "papermill", "nbclient", "nbclient, set in the process"],
)
def test_programs_below_a_notebook_see_no_kernel(machine, broken, command):
    name, _ = broken
    path = write_notebook(machine.course / "program.ipynb", name, "6 * 7")
    done = machine.run(*[part.replace("{book}", str(path)) for part in command], check=False, env=INHERITED)
    assert done.returncode != 0 and REASON in done.stderr
    assert "SandboxError" not in done.stderr + done.stdout
    assert [cell.outputs for cell in nbformat.read(path, 4).cells if "6 * 7" in cell.source] == [[]]
