"""isolate --missed names the entries that a program needs, and nothing else."""

import json
import os
import subprocess
import sys
import zipfile

import pytest
from conftest import COMMANDS

MAKEFILE = """
-include {outside}/rules/rules.mk
all: {outside}/data/big.csv
\tcat $< && $(greet)
"""
R = """
try(source("{outside}/rules/helpers.R"))
x <- try(read.csv("{outside}/data/big.csv"))
cat(Sys.timezone() != "", format(Sys.time(), "%Y") > 2000, nrow(x), greeting, "\\n")
"""
NODE = """
const fs = require("fs");
for (const find of [() => require("{outside}/rules/helpers.js"), () => console.log(fs.readFileSync("{outside}/data/big.csv", "utf8"))])
    try { find(); } catch (error) { process.exitCode = 1; }
require("http").get("http://data.example.org/").on("error", error => console.log(error.code));
"""

PYTHON = os.path.join(os.path.realpath(sys.prefix), "bin/python")

# For each: the command, the directories outside that it needs, and the names that it looks up.
PROGRAMS = {
    "make": (["make"], ["data", "rules"], []),
    "R": (["Rscript", "analysis.R"], ["data", "rules"], []),
    "node": (["node", "analysis.js"], ["data", "rules"], ["data.example.org"]),
    "java": (["java", "-cp", "{outside}/lib/helpers.jar:.", "Main"], ["lib"], []),
    "pip": (
        [PYTHON, "-m", "pip", "install", "--disable-pip-version-check", "--no-index", "--find-links", "{outside}/wheels", "--target", "new", "made-up"],
        ["wheels"],
        [],
    ),
}

def text(s):
    return b"\1" + len(s).to_bytes(2, "big") + s.encode()


# class Main { public static void main(String[] args) {} }
MAIN = (
    b"\xca\xfe\xba\xbe\0\0\0\x34\0\x08\x07\0\2" + text("Main") + b"\x07\0\4" + text("java/lang/Object") + text("main") + text("([Ljava/lang/String;)V") + text("Code")
    + b"\0\x21\0\1\0\3\0\0\0\0\0\1\0\x09\0\5\0\6\0\1\0\7\0\0\0\x0d\0\0\0\1\0\0\0\1\xb1\0\0\0\0\0\0"
)  # fmt: skip


def wheel(path):
    """A wheel of an empty package."""
    with zipfile.ZipFile(path / "made_up-1.0-py3-none-any.whl", "w") as z:
        z.writestr("made_up.py", "")
        z.writestr("made_up-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: made-up\nVersion: 1.0\n")
        z.writestr("made_up-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        z.writestr("made_up-1.0.dist-info/RECORD", "made_up.py,,\nmade_up-1.0.dist-info/METADATA,,\nmade_up-1.0.dist-info/WHEEL,,\nmade_up-1.0.dist-info/RECORD,,\n")


@pytest.fixture
def project(tmp_path):
    """A project, and beside it what it needs."""
    outside = tmp_path / "outside"
    for name, text in {
        "outside/data/big.csv": "a,b\n1,2\n",
        "outside/rules/rules.mk": "greet = echo hello\n",
        "outside/rules/helpers.R": 'greeting <- "hello"\n',
        "outside/rules/helpers.js": "",
        "outside/unused/secret": "",
        "project/Makefile": MAKEFILE,
        "project/analysis.R": R,
        "project/analysis.js": NODE,
        "home/notes": "",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace("{outside}", str(outside)))
    for name in "lib", "wheels":
        (outside / name).mkdir()
    with zipfile.ZipFile(outside / "lib/helpers.jar", "w") as z:
        z.writestr("Main.class", MAIN)
    wheel(outside / "wheels")
    return tmp_path


@pytest.mark.parametrize("name", PROGRAMS)
def test_entries_of_a_program(project, name):
    command, needs, asks = PROGRAMS[name]
    command = [word.replace("{outside}", str(project / "outside")) for word in command]
    env = {"HOME": str(project / "home"), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "PIP_CONFIG_FILE": "/dev/null"}

    def run(entries):
        isolate = [COMMANDS / "isolate", "-m", " ".join([".", *entries]), "--env", "PIP_CONFIG_FILE", "--missed", "--report", project / "report.json"]
        done = subprocess.run([*isolate, *command], cwd=project / "project", env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
        assert done.returncode < 125, done.stderr
        missed = json.loads((project / "report.json").read_text())["missed"]
        lines = [line for line in done.stderr.splitlines() if line.startswith("isolate: ")]
        assert len(lines) == len(missed["groups"]) + bool(missed["connections"]) and not missed["incomplete"], done.stderr
        assert [to["to"] for to in missed["connections"]] == asks
        return done, sorted(g["entry"] or g["reason"] for g in missed["groups"])

    wanted = sorted(f"ro:{project / 'outside' / need}" for need in needs)
    without, entries = run([])
    assert entries == wanted, without.stderr
    done, entries = run(wanted)  # the control, and all that it needs
    assert entries == [], done.stderr
    assert (without.returncode, without.stdout) != (done.returncode, done.stdout)
    assert done.returncode == 0, done.stderr
