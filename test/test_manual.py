"""Man pages and completions, as scripts/install leaves them; the shells are real ones, with a person at the keyboard."""

import pathlib
import re
import shlex
import subprocess

import nbformat
import pytest
from common import notebook, wait_for
from conftest import COMMANDS, fresh_home
from window import Window

pytestmark = pytest.mark.once
SHARE = COMMANDS.parent / "share"
NAMES = ["isolate", "isolate-kernel", "isolate-kernelspec", "isolate-network"]
SUBCOMMANDS = ["install", "list", "show", "update", "verify", "rehearse", "doctor", "remove"]

# Each inserts all candidates into the line, in place of choosing one.
SET_UP = {
    "bash": r"""
        source /usr/share/bash-completion/bash_completion
        bind 'set enable-bracketed-paste off' 2>/dev/null
        bind '"\t": insert-completions'
    """,
    "zsh": r"""
        fpath=($SHARE/zsh/site-functions $fpath)
        autoload -Uz compinit && compinit -u -D
        unset zle_bracketed_paste
        zle -C every complete-word _generic
        zstyle ':completion:every:*' completer _all_matches _complete
        zstyle ':completion:every:*' insert true
        bindkey '\t' every
        bindkey '^A' beginning-of-line
    """,
}


@pytest.mark.parametrize("name", NAMES)
def test_version(name):
    changes = pathlib.Path(__file__).with_name("..") / "CHANGELOG.md"
    version = re.search(r"^## (\S+)", changes.read_text(), re.MULTILINE)[1]
    said = subprocess.run([COMMANDS / name, "--version"], capture_output=True, text=True, check=True).stdout
    assert re.fullmatch(rf"{name} {re.escape(version)} \(revision \S+, go\S+, linux/\S+\)\n", said), said


class Shell:
    """Completes command lines, with isolate's completions where the shell looks for them."""

    def __init__(self, shell, home):
        self.shell = shell
        self.work = home / "work"
        for path in ["directory/below", "other"]:
            (self.work / path).mkdir(parents=True)
        (self.work / "file").write_text("")
        self.env = {
            "HOME": str(home), "PATH": f"{COMMANDS}:/usr/bin:/bin", "LANG": "C.UTF-8", "TERM": "dumb",
            "SHARE": str(SHARE), "XDG_DATA_DIRS": f"{SHARE}:/usr/share", "XDG_CONFIG_HOME": str(home / "config"),
            "JUPYTER_PATH": str(home / "jupyter"), "MARK": "1",
        }

    def candidates(self, line):
        if self.shell == "fish":
            done = self.run(["fish", "-c", f"complete -C {shlex.quote(line)}"])
            return {row.split("\t")[0] for row in done.stdout.splitlines()}
        result = self.work.parent / "candidates"
        result.unlink(missing_ok=True)
        rc = self.work.parent / "rc"
        rc.write_text(SET_UP[self.shell] + f"\nevery() {{ shift; printf '%s\\n' \"$@\" >{result}.new; mv {result}.new {result}; }}\nPS1='ready> '\n")
        start = {"bash": ["bash", "--noprofile", "--rcfile", rc, "-i"], "zsh": ["zsh", "-f", "-i"]}[self.shell]
        window = Window(start, self.work, self.env, columns=900, lines=50)
        try:
            if self.shell == "zsh":
                window.enter(f"source {rc}")
            window.expect("ready>")
            window.type(line)
            window.press("Tab", "C-a")
            window.type("every ")
            window.press("Enter")
            assert wait_for(result.exists, 20), window.screen()
        finally:
            window.close()
        words = result.read_text().splitlines()
        return set(words[len(shlex.split(line + "x")) - 2:])

    def run(self, command):
        return subprocess.run([str(c) for c in command], env=self.env, cwd=self.work, capture_output=True, text=True, timeout=30, check=True)


@pytest.fixture(params=["bash", "zsh", "fish"])
def shell(request, tmp_path):
    return Shell(request.param, fresh_home(tmp_path))


def described(name, section=None):
    """The options that head a paragraph of the man page."""
    text = (SHARE / "man/man1" / f"{name}.1").read_text().replace("\\-", "-")
    if section:
        text = text.split(f".SH {section}\n")[1].split(".SH ")[0]
    terms = re.findall(r"^\.TP\n(\\fB-.*)$", text, re.MULTILINE)
    return {option for term in terms for option in re.findall(r"\\fB(-[a-z-]+)", term)}


def shown(*command):
    """The options that --help has."""
    text = subprocess.run([COMMANDS / command[0], *command[1:], "--help"], capture_output=True, text=True, check=True).stdout
    return set(re.findall(r"(?:^|[ ,])(--?[a-z][a-z-]*)", text, re.MULTILINE))


@pytest.mark.parametrize("name", ["isolate", "isolate-kernel"])
def test_every_option_is_everywhere(shell, name):
    options = described(name)
    assert shown(name) - {"--unshare-"} <= options
    assert shell.candidates(f"{name} --") - {"--"} == {o for o in options if o.startswith("--")}


@pytest.mark.parametrize("command", SUBCOMMANDS)
def test_every_option_of_a_subcommand(shell, command):
    options = {"--help", *(o for o in described("isolate-kernelspec", f"OPTIONS OF {command.upper()}") if o.startswith("--"))} \
        if f"OPTIONS OF {command.upper()}" in (SHARE / "man/man1/isolate-kernelspec.1").read_text() else {"--help"}
    assert {o for o in shown("isolate-kernelspec", command) if o.startswith("--")} == options
    assert shell.candidates(f"isolate-kernelspec {command} --") == options


@pytest.mark.parametrize("command", [*NAMES[:3], *(f"isolate-kernelspec {c}" for c in SUBCOMMANDS)])
def test_help_fits_a_screen(command):
    name, *rest = command.split()
    lines = subprocess.run([COMMANDS / name, *rest, "--help"], capture_output=True, text=True, check=True).stdout.splitlines()
    assert len(lines) <= 48 and max(map(len, lines)) <= 80


@pytest.mark.parametrize("line, wanted", [
    ("isolate --network ", {"none", "host"}),
    ("isolate-kernel --network h", {"host"}),
    ("isolate --pids n", {"none"}),
    ("isolate-kernelspec install --tmp-size n", {"none"}),
    ("isolate-kernelspec install --network n", {"none"}),
    ("isolate --chdir d", {"directory"}),
    ("isolate --report f", {"file"}),
    ("isolate --bind file d", {"directory"}),
    ("isolate --mount d", {"directory"}),
    ("isolate --memory 1G --pids 3 cat f", {"file"}),
    ("isolate -- cat fi", {"file"}),
    ("isolate setpri", {"setpriv"}),
    ("isolate-kernelspec upd", {"update"}),
    ("isolate-kernelspec ", set(SUBCOMMANDS)),
])
def test_values(shell, line, wanted):
    found = {c.rstrip("/=") for c in shell.candidates(line)}
    assert found - {"-h", "--help", "--version"} == wanted


@pytest.mark.parametrize("entry", ["ro:d", "target=d"])
def test_last_path_of_an_entry(shell, entry):
    """An entry's path is completed, and what stands before it stays."""
    found = shell.candidates(f"isolate --mount {entry}")
    assert len(found) == 1 and found.pop().rstrip("/").endswith("directory")


def test_names_of_kernels(shell):
    kernels = pathlib.Path(shell.env["JUPYTER_PATH"]) / "kernels/zz-plain"
    kernels.mkdir(parents=True)
    (kernels / "kernel.json").write_text('{"argv": ["/bin/sh", "{connection_file}"], "display_name": "sh", "language": "sh"}')
    shell.run(["isolate-kernelspec", "install", "zz-plain", "--user"])
    assert shell.candidates("isolate-kernelspec install --user zz") == {"zz-plain"}
    for command in ["show", "update", "remove"]:
        assert shell.candidates(f"isolate-kernelspec {command} zz") == {"zz-plain-isolated"}
    assert shell.candidates("isolate-kernelspec verify zz") == {"zz-plain", "zz-plain-isolated"}
    assert shell.candidates("isolate-kernelspec rehearse zz") == {"zz-plain-isolated"}
    assert {c.rstrip("/") for c in shell.candidates("isolate-kernelspec rehearse zz-plain-isolated dir")} == {"directory"}


def test_example_of_a_notebook(jupyter):
    """The command that the man page has for a stranger's notebook runs it, in the sandbox."""
    page = (SHARE / "man/man1/isolate-kernelspec.1").read_text().split("stranger\\(aqs notebook")[1]
    command = re.search(r"^\.nf\n(.*?)\n\.fi$", page, re.MULTILINE | re.DOTALL).group(1)
    command = command.replace("\\-", "-").replace("\\e", "\\")
    (jupyter.home / "secret").write_text("a key")
    stranger = jupyter.workdir() / "stranger.ipynb"
    nbformat.write(notebook(f"import os; print(6 * 7, os.path.exists({str(jupyter.home / 'secret')!r}))"), stranger)
    before = stranger.read_bytes()
    jupyter.run("sh", "-c", command, cwd=stranger.parent, env={"JUPYTER_PATH": str(jupyter.home / "prefix/share/jupyter")})
    answer = stranger.with_name("answer.ipynb")
    assert nbformat.read(answer, 4).cells[0].outputs[0].text == "42 False\n"
    assert stranger.read_bytes() == before
    jupyter.run("sh", "-c", command.replace("python3-isolated", "python3"), cwd=stranger.parent)
    assert nbformat.read(answer, 4).cells[0].outputs[0].text == "42 True\n"  # the control
