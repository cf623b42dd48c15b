"""isolate in a terminal, with a person at the keyboard: tmux types and looks."""

import os
import re
import signal
import subprocess
import time

import pytest
from common import unique, wait_for
from conftest import COMMANDS, fresh_home
from window import Window


class Terminal(Window):
    """A shell with job control."""

    def __init__(self, home):
        self.home = home
        self.work = home / "work"
        self.work.mkdir()
        env = {
            "HOME": str(home), "PATH": f"{COMMANDS}:/usr/bin:/bin", "LANG": "C.UTF-8", "TERM": "screen",
            "PS1": "outer> ", "SHELL": "/bin/bash", "HISTFILE": "",
        }
        # tmux starts it through a shell, which would forget the prompt.
        shell = ["env", "-i", *(f"{name}={value}" for name, value in env.items()), "bash", "--norc", "--noprofile", "-i"]
        super().__init__(shell, self.work, env)

    def clear(self):
        """An empty screen with the outer shell's prompt on top."""
        self.press("C-l")
        assert wait_for(lambda: self.screen() == "outer>"), self.screen()

    def pid(self, pattern):
        """The ID of the process whose command line has the pattern."""
        def find():
            return subprocess.run(["pgrep", "-f", pattern], capture_output=True, text=True).stdout.split()

        assert wait_for(find), f"no process {pattern}"
        return int(find()[0])


@pytest.fixture
def terminal(tmp_path):
    terminal = Terminal(fresh_home(tmp_path))
    try:
        terminal.expect("outer>$")
        yield terminal
    finally:
        terminal.close()


def test_shell(terminal):
    """isolate alone is a shell with job control and a line editor."""
    terminal.enter("isolate")
    terminal.expect(r"^bash-[\d.]+\$$|[$#]$")
    terminal.enter("PS1='inner> '")
    terminal.expect("^inner>$")
    terminal.enter("sh -c 'echo wai''ting; read line; echo got $line; sleep 1000'")
    terminal.expect("^waiting$")
    terminal.press("C-z")
    terminal.expect("Stopped +sh -c")
    terminal.enter("fg")
    terminal.expect("^inner> fg\nsh -c")
    terminal.enter("typed")
    terminal.expect("^got typed$")
    terminal.press("C-c")
    terminal.expect(r"^\^C\ninner>$")
    terminal.type("echo wrong")
    terminal.press("BSpace", "BSpace", "BSpace", "BSpace", "BSpace")
    terminal.enter("right; tty")
    terminal.expect("^right$")
    terminal.expect("^/dev/pts/0$")
    terminal.press("Up", "Home")
    terminal.type("echo again; ")
    terminal.press("Enter")
    terminal.expect("^again$")
    terminal.press("C-d")
    terminal.expect("outer>$")
    terminal.enter("echo status=$?")
    terminal.expect("^status=0$")


def test_vim(terminal):
    """A full-screen program opens, edits and saves, and follows the window's size."""
    (terminal.work / "essay").write_text("first line\nlast line\n")
    terminal.enter("isolate vim -u NONE -N essay")
    terminal.expect("^first line$")
    terminal.type("Goadded at the end, ünïcode")
    terminal.press("Escape")
    terminal.tmux("resize-window", "-x", "100", "-y", "30")
    terminal.expect(r"\A(.*\n){27}")  # the empty lines' marks go down to the new bottom
    terminal.enter(":echo 'size' &lines &columns")
    terminal.expect("^size 30 100")
    terminal.enter(":wq")
    terminal.expect("outer>$")
    assert (terminal.work / "essay").read_text() == "first line\nlast line\nadded at the end, ünïcode\n"


def test_everything_stops(terminal):
    """When the program stops, its background processes stop, too, and all of them continue together."""
    ticks = terminal.work / "ticks"
    terminal.enter("isolate --time 600 sh -c 'setsid sh -c \"while echo >>ticks; do sleep 0.05; done\" & until [ -s ticks ]; do sleep 0.05; done; kill -STOP $$; echo on; sleep 600'")
    terminal.expect("Stopped")
    size = ticks.stat().st_size
    time.sleep(0.5)
    assert ticks.stat().st_size == size
    terminal.enter("fg")
    terminal.expect("^on$")
    assert wait_for(lambda: ticks.stat().st_size > size + 2)
    terminal.press("C-c")
    terminal.expect("outer>$")


def test_vim_stops_and_goes_on(terminal):
    """Ctrl-Z in a full-screen program gives the outer shell back, fg the program."""
    terminal.enter("isolate vim -u NONE -N essay")
    terminal.expect("^~")
    terminal.type("ibefore ")
    terminal.press("Escape")
    terminal.press("C-z")
    terminal.expect("Stopped +isolate vim")
    terminal.enter("echo between")
    terminal.expect("^between$")
    terminal.enter("fg")
    terminal.expect("^before")
    terminal.type("aafter")
    terminal.press("Escape")
    terminal.enter(":wq")
    terminal.expect("outer>$")
    assert (terminal.work / "essay").read_text() == "before after\n"


def test_less(terminal):
    (terminal.work / "long").write_text("".join(f"line {n}\n" for n in range(1, 501)))
    terminal.enter("isolate less long")
    terminal.expect("^line 23$")
    terminal.press("Space")
    terminal.expect("^line 46$")
    terminal.enter("/line 250")
    assert "line 250" in terminal.expect("^line 272$").splitlines()[0]
    terminal.type("G")
    terminal.expect("^line 500$")
    terminal.type("q")
    terminal.expect("outer>$")


def test_python_prompt(terminal):
    """Editing, history and Ctrl-C at Python's own prompt."""
    terminal.enter("isolate python3")
    terminal.expect("^>>>$")
    terminal.enter("print(6 * 7)")
    terminal.expect("^42$")
    terminal.press("Up", "BSpace")
    terminal.type(" - 1)")
    terminal.press("Enter")
    terminal.expect("^41$")
    terminal.type("half a line")
    terminal.press("C-c")
    terminal.expect("^KeyboardInterrupt$")
    terminal.enter(r"exec('print(\'loo\'\'ping\')\nwhile True: pass')")
    terminal.expect("^looping$")
    terminal.press("C-c")
    terminal.expect("^looping\n(.*\n)+KeyboardInterrupt\n>>>$")
    terminal.enter("input('name? ').upper()")
    terminal.expect(r"^name\?$")
    terminal.enter("ada")
    terminal.expect("^'ADA'$")
    terminal.press("C-d")
    terminal.expect("outer>$")


def test_stop_and_go_on(terminal):
    """Ctrl-C in a loop, and a sandbox that is stopped, continued, and moved to the background."""
    terminal.enter("isolate sh -c 'echo loo''ping; while :; do :; done'")
    terminal.expect("^looping$")
    terminal.press("C-c")
    terminal.expect("outer>$")
    terminal.enter("echo status=$?")
    terminal.expect("^status=130$")
    terminal.clear()
    terminal.enter("isolate sh -c 'echo wai''ting; read line; echo got $line'")
    terminal.expect("^waiting$")
    terminal.press("C-z")
    terminal.expect("Stopped +isolate")
    terminal.clear()
    terminal.enter("fg")
    terminal.expect("^isolate sh -c")
    terminal.enter("typed")
    terminal.expect("^got typed$")
    terminal.expect("outer>$")


def test_flood(terminal):
    """Ctrl-C ends a program that writes without end, and the terminal answers."""
    terminal.enter("isolate yes flooded")
    terminal.expect("^flooded$")
    terminal.press("C-c")
    terminal.expect("outer>$")
    terminal.clear()
    terminal.enter("echo answered")
    terminal.expect("^answered$")


def test_resize(terminal):
    """A program gets the window's new size."""
    terminal.enter("isolate sh -c 'trap \"stty size\" WINCH; stty size; echo rea''dy; while :; do sleep 0.1; done'")
    terminal.expect("^24 80\nready$")
    terminal.tmux("resize-window", "-x", "91", "-y", "33")
    terminal.expect("^33 91$")
    terminal.press("C-c")
    terminal.expect("outer>$")


@pytest.mark.parametrize("who", ["program", "isolate"])
def test_terminal_is_whole_afterwards(terminal, who):
    """What a program does to its terminal doesn't change the caller's, however it ends."""
    terminal.enter("stty -a > before")
    mark = unique()
    terminal.enter(f"isolate sh -c 'stty raw -echo; echo chan''ged; exec sleep {mark}'")
    terminal.expect("^changed")
    victim = terminal.pid(f"^sleep {mark}" if who == "program" else f"^isolate sh -c stty.*{mark}")
    os.kill(victim, signal.SIGKILL)
    terminal.expect("^.*Killed|outer>$")
    terminal.press("Enter")
    terminal.expect("outer>$")
    terminal.enter("stty -a > after; echo comp''are")
    terminal.expect("^compare$")
    assert (terminal.work / "after").read_text() == (terminal.work / "before").read_text()


def test_paste(terminal):
    """Many lines at once arrive whole and in order."""
    text = "".join(f"pasted line {n} ünï\n" for n in range(400))
    (terminal.home / "clipboard").write_text(text)
    terminal.enter("isolate sh -c 'echo rea''dy; cat > pasted; echo do''ne'")
    terminal.expect("^ready$")
    terminal.tmux("load-buffer", terminal.home / "clipboard")
    terminal.tmux("paste-buffer")
    terminal.press("C-d")
    terminal.expect("^done$")
    assert (terminal.work / "pasted").read_text() == text


def test_sandbox_in_a_sandbox(terminal):
    """In a sandbox in a sandbox the inner one also has its own terminal, and keys get through both."""
    terminal.enter(f"isolate --allow-userns -m '. ro:{COMMANDS}' isolate sh -c 'tty; stty size; read line; echo got $line; sleep 1000'")
    terminal.expect("^/dev/pts/0\n24 80$")
    terminal.enter("typed")
    terminal.expect("^got typed$")
    terminal.press("C-c")
    terminal.expect("outer>$")
