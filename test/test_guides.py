"""The guides in docs, run command by command as they are written."""

import re

import pytest
from common import ROOT
from conftest import COMMANDS

pytestmark = pytest.mark.once


def blocks(guide):
    """The guide's indented blocks: what is typed into a shell, from first to last."""
    lines = (ROOT / "docs" / guide).read_text().splitlines()
    return "\n".join(line[4:] for line in lines if line.startswith("    ") and line.strip() and "KernelManager" not in line)


@pytest.fixture
def reader(jupyter):
    """Somebody with the commands and an environment in PATH."""
    jupyter.env["PATH"] = f"{COMMANDS}:{jupyter.env['PATH']}"
    jupyter.env["JUPYTER_PATH"] = str(jupyter.home / ".local/share/jupyter")
    jupyter.env["JUPYTER_DATA_DIR"] = str(jupyter.home / ".local/share/jupyter")
    return jupyter


def for_user(commands):
    """install, for this user: the tests' environments are shared."""
    return re.sub(r"(isolate-kernelspec install \S+)", r"\1 --user", commands)


def test_course(reader):
    said = ""
    for number, commands in enumerate(re.split(r"\n(?=nbgrader )", for_user(blocks("course.md")))):
        place = reader.workdir() / "course101" if number > 1 else reader.workdir()
        said += reader.run("sh", "-euc", commands, cwd=place).stdout
    assert "held" in said and "OPEN" not in said
    assert re.search(r"^ps1,.*,ann,", said, re.MULTILINE)


def test_service(reader):
    text = (ROOT / "docs/service.md").read_text()
    script = re.search(r"```python\n(.*?)```", text, re.DOTALL)[1]
    install = next(line[4:] for line in text.splitlines() if line.startswith("    isolate-kernelspec"))
    reader.run("sh", "-euc", for_user(install))
    path = reader.workdir() / "service.py"
    path.write_text(script)
    assert reader.run(reader.python, path).stdout == "ok 42\n\n"
