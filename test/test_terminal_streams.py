"""What is a terminal, and whose keys are typed, where only some of the streams are one: plainly and isolated alike."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

import pytest
from common import wait_for
from conftest import COMMANDS, fresh_home

ISOLATE = str(COMMANDS / "isolate")


class Session:
    """An interactive shell with job control at a terminal of its own."""

    def __init__(self, sandbox, home, shell=("bash", "--norc", "--noprofile", "--noediting", "-i")):
        self.shown, self.seen = "", 0
        self.work = home / "work"
        self.work.mkdir()
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.chdir(self.work)
            signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # which Python ignores
            env = {"I": sandbox, "HOME": str(home), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "TERM": "xterm", "LESS": "", "PS1": "prompt> ", "HISTFILE": ""}
            os.execvpe(shell[0], shell, env)
        fcntl.ioctl(self.terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 31, 97, 0, 0))

    def look(self, seconds):
        """Takes down what is shown meanwhile, and reports whether there was anything."""
        if not select.select([self.terminal], [], [], seconds)[0]:
            return False
        try:
            self.shown += os.read(self.terminal, 65536).decode(errors="replace")
        except OSError:
            return False
        return True

    def expect(self, pattern, seconds=8):
        """Waits until the pattern is shown after what was waited for before."""
        deadline = time.monotonic() + seconds
        while not (found := re.search(pattern, self.shown[self.seen:], re.MULTILINE)):
            assert time.monotonic() < deadline, f"never shown: {pattern!r}; the screen has {self.shown!r}"
            self.look(0.05)
        self.seen += found.end()

    def type(self, keys):
        os.write(self.terminal, keys.encode())

    def modes(self):
        return termios.tcgetattr(self.terminal)

    def close(self):
        if self.pid == 0:
            return
        os.close(self.terminal)
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        self.pid = 0


@pytest.fixture
def session(tmp_path):
    sessions = []

    def start(sandbox, **options):
        place = tmp_path / str(len(sessions))
        place.mkdir()
        home = fresh_home(place)
        sessions.append(Session(sandbox, home, **options))
        return sessions[-1]

    yield start
    for one in sessions:
        one.close()


WHICH = "sh -c 'for i in 0 1 2; do test -t $i; echo $i $?; done >/dev/tty; (: </dev/tty) && echo /dev/tty >/dev/tty'"

UNTIL_STOPPED = "until jobs %1 | grep -q Stopped; do sleep 0.05; done"
STOPPED = r"Stopped.*\r\nprompt> "

# What is typed at the prompt, where $I stands for nothing, and then for isolate; and
# then what is typed once a pattern is shown. The screens must be the same.
CASES = {
    "all": [f"$I {WHICH}"],
    "no input": [f"$I {WHICH} </dev/null"],
    "closed input": [f"$I {WHICH} <&-"],
    "input from a pipe": [f"echo data | $I {WHICH}"],
    "output to a pipe": [f"$I {WHICH} | cat"],
    "output to a file": [f"$I {WHICH} >f"],
    "errors to a file": [f"$I {WHICH} 2>f"],
    "only errors": [f"$I {WHICH} </dev/null | cat"],
    "only input, for reading": [f"$I {WHICH} </dev/tty >f 2>f"],
    "only output, for writing": [f"$I {WHICH} </dev/null >/dev/tty 2>f"],
    "none": [f"$I {WHICH} </dev/null 2>&1 | cat"],
    "an answer that no stream is for": ["$I sh -c 'echo ready >/dev/tty; read x </dev/tty; echo got $x >/dev/tty' </dev/null >f 2>f", ("ready", "yes\n")],
    "Ctrl-Z without a stream": ["$I sh -c 'sleep 0.5; echo late >f' </dev/null >/dev/null 2>&1", ("", "\x1a"), (STOPPED, "sleep 0.6; ls; fg; cat f\n"), ("late\r", "")],
    "order": ["$I sh -c 'for i in 1 2 3 4 5 6; do echo o$i; echo e$i >&2; done' </dev/null"],
    "modes": ["$I stty -a | cat; $I stty -a </dev/tty 2>f; stty -a"],
    "colours": ["touch f; $I ls --color=auto f; $I ls --color=auto f </dev/null; $I ls --color=auto f | cat"],
    "line ends": ["$I printf 'a\\r\\nb\\nc\\r\\r\\nd\\re\\n' </dev/null", ("e\r\nprompt> ", "stty -onlcr; $I printf '1\\n2\\n' </dev/null; stty onlcr\n")],
    "much": ["$I seq 20000 </dev/null | md5sum; $I seq 1 3000 </dev/null"],
    "a line is read": ["$I sh -c 'echo ready >&2; read x; echo got $x >&2' | cat", ("ready", "hello\n")],
    "lines are read": ["$I sh -c 'echo ready >&2; read x; echo got $x >&2; read y; echo got $y >&2' | cat", ("ready", "one\n"), ("got one", "two\n")],
    "an answer from /dev/tty": ["echo data | $I sh -c 'echo ready >/dev/tty; read x </dev/tty; read y; echo $x, $y >&2' | cat", ("ready", "yes\n")],
    "the end of the input": ["$I cat 2>f", ("", "one\n"), ("one\r\none", "\x04")],
    "a password": ["$I bash -c 'read -s -p ready x; echo got $x' | cat", ("ready", "secret\n")],
    "a password for a file": ["$I python3 -c 'import getpass; print(getpass.getpass())' >f; cat f", ("word: ", "secret\n")],
    "a single key": ["$I sh -c 'stty -icanon -echo; echo ready >&2; dd bs=1 count=1 2>/dev/null; stty icanon echo' | cat", ("ready", "k")],
    "poll": ["$I python3 -c 'import select, sys; select.select([0], [], [], 9); print(sys.stdin.readline(), file=sys.stderr)' | cat", ("", "hello\n")],
    "poll with a time": ["$I bash -c 'read -t 9 x; echo got $x >&2' | cat", ("", "hello\n")],
    "Ctrl-C": ["$I sh -c 'echo ready >&2; exec sleep 60' | cat; echo $?", ("ready", "\x03"), ("prompt", "echo ${PIPESTATUS[@]}\n")],
    "Ctrl-C after a line": ["$I sh -c 'echo ready >&2; read x; echo got $x >&2; exec sleep 60' | cat", ("ready", "hello\n"), ("got", "\x03")],
    "Ctrl-C is caught": ["$I sh -c 'trap \"echo caught; exit 3\" INT; echo ready; while :; do sleep 0.01; done' </dev/null; echo $?", ("ready", "\x03")],
    "Ctrl-\\": ["$I sh -c 'echo ready >&2; exec sleep 60' >f; echo $?", ("ready", "\x1c")],
    "Ctrl-Z": ["$I sh -c 'echo ready >&2; exec sleep 0.3' | cat", ("ready", "\x1a"), (STOPPED, "jobs; fg\n"), ("cat\r", "")],
    "Ctrl-Z while it reads": ["$I sh -c 'echo ready >&2; read x; echo got $x' >f", ("ready", "\x1a"), (STOPPED, "fg\n"), (r"\$I sh.*\r", "hello\n")],
    "what is typed ahead is the shell's": ["$I sh -c 'echo ready >&2; sleep 0.6' | cat", ("ready", "echo typed a''head\n"), ("ahead\r", "")],
    "what is typed ahead is the shell's, with a file": ["$I sh -c 'echo ready >&2; sleep 0.6' >f", ("ready", "echo typed a''head\n"), ("ahead\r", "")],
    "a pager": ["$I sh -c 'seq 1 200; sleep 0.5; seq 1 200' | less", ("^30", " "), ("^60", "\x07"), (":", "q")],
    "a pager after a password": ["$I bash -c 'read -s -p ready; seq 1 200' | (sleep 0.6; less)", ("ready", "secret\n"), ("^30", " "), ("^60", "q")],
    "a pager inside": ["seq 1 200 | $I less", ("^30", " "), ("^60", "q")],
    "a shell": ["$I env 'PS1=inner> ' bash --norc --noediting -i | cat", ("inner>", "cat >&2\n"), ("", "a\n"), ("a\r\na", "\x1a"), ("Stopped.*\r\ninner>", "fg\n"), (r"^cat 1>&2\r", "b\n"), ("b\r\nb", "\x04"), ("inner>", "exit\n")],
    "a plain shell": ["$I env 'PS1=inner> ' sh -i | cat", ("inner>", "echo $((6*7)) >&2\n"), ("42\r", "exit 0\n")],
    "Python": ["$I python3 -q -i -c 'import sys' | cat", (">>>", "print(6*7, file=sys.stderr)\n"), ("42\r", "exit()\n")],
    "Python without errors": ["$I python3 -q 2>f", (">>>", "print(6*7)\n"), ("42\r", "exit()\n")],
    "script": ["$I script -qc 'echo ready; read x; echo got $x' /dev/null 2>f", ("ready", "hello\n")],
    "a reader in the background": ["$I cat & " + UNTIL_STOPPED + "; fg", (r"^\$I cat\r", "hello\n"), ("hello\r\nhello", "\x04")],
    "a writer in the background": ["$I sh -c 'sleep 0.3; echo o; echo e >&2' & wait"],
    "a writer that may not": ["stty tostop; $I sh -c 'echo o' & " + UNTIL_STOPPED + "; stty -tostop; fg"],
    "moved to the background": ["$I cat", ("", "one\n"), ("one\r\none", "\x1a"), (STOPPED, "bg; " + UNTIL_STOPPED + "; fg\n"), (r"^\$I cat\r", "two\n"), ("two\r\ntwo", "\x04")],
}


def told_apart_by_nothing(screen):
    """The screen without what differs from run to run: process IDs, when a shell tells of a job."""
    screen = re.sub(r"\[(\d+)\] \d+", r"[\1] PID", screen)
    return re.sub(r"(\r\n)?\[\d+\]\+?  (Stopped|Terminated).*\r\n", "", screen)


@pytest.mark.parametrize("name", CASES)
def test_same_screen(session, name):
    """A typed line's echo and what cat prints reach the screen by two ways, so two screens of a busy machine may differ."""
    for last in [False, False, True]:
        try:
            return same_screen(session, *CASES[name])
        except AssertionError:
            if last:
                raise


def same_screen(session, command, *steps):
    screens = []
    for one in [session(""), session(ISOLATE)]:
        one.expect("prompt> ")
        before = one.modes()
        one.type(command + "\n")
        one.expect("\r\n")
        for pattern, keys in steps:
            one.expect(pattern)
            time.sleep(0.05)  # typed at a person's speed
            one.type(keys)
        one.expect("prompt> ")
        one.type("echo the e''nd\n")
        one.expect("the end\r\nprompt> ")
        screens.append(told_apart_by_nothing(one.shown))
        assert one.modes() == before
    assert screens[0] == screens[1]


ASK = """
import os, sys, termios, time
terminal = os.open("/dev/tty", os.O_RDWR)
while sys.argv[1] == "after" and termios.tcgetattr(terminal)[3] & termios.ICANON:
    time.sleep(0.01)
before = termios.tcgetattr(terminal)
quiet = [*before[:3], before[3] & ~termios.ECHO, *before[4:]]
termios.tcsetattr(terminal, termios.TCSAFLUSH, quiet)
os.write(terminal, b"Password: ")
typed = b""
while not typed.endswith((b"\\n", b"\\r")):
    typed += os.read(terminal, 1)
termios.tcsetattr(terminal, termios.TCSADRAIN, before)
os.write(terminal, b"asked: %r, over. " % typed.strip())
"""
READ = 'echo; while read x; do echo "<$x>"; done </dev/tty'


@pytest.mark.parametrize("when", ["before", "after"])
def test_password_for_another(session, when):
    """A password that another in the pipeline asks for isn't the program's, whether it reads its terminal before or after."""
    one = session(ISOLATE)
    (one.work / "ask.py").write_text(ASK)
    (one.work / "read.sh").write_text(READ)
    one.expect("prompt> ")
    pause = "" if when == "after" else "sleep 0.3; "
    one.type(f"python3 ask.py {when} | $I sh -c '{pause}. ./read.sh'\n")
    one.expect("Password: ")
    time.sleep(0.6)
    for key in "sesame\n":
        one.type(key)
        time.sleep(0.03)
    one.expect("asked: b'sesame', over. ")

    time.sleep(0.3)
    one.type("hello\n")  # the control: it reads all the time
    one.expect("<hello>")
    assert "<s" not in one.shown and "<e" not in one.shown and one.shown.count("<") == 1
    one.type("\x04")
    one.expect("prompt> ")


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_terminal_is_whole_after_a_signal(session, sig):
    """In a pipeline nobody else restores the terminal; after SIGKILL the shell does."""
    one = session(ISOLATE)
    one.expect("prompt> ")
    before = one.modes()
    one.type("$I sh -c 'stty -icanon -echo; echo ready >&2; exec sleep 60' | cat\n")
    one.expect("ready\r\n")
    assert wait_for(lambda: not one.modes()[3] & termios.ICANON)  # isolate looks at the program's modes now and then
    subprocess.run(["pkill", f"-{int(sig)}", "-s", str(one.pid), "-f", "isolate sh -c stty"], check=True)
    one.expect("prompt> ")
    assert one.modes() == before


def test_hang_up(session):
    """A program that ignores the signal of it reads the end, and nothing stays behind."""
    one = session(ISOLATE)
    one.expect("prompt> ")
    one.type("trap '' HUP; $I sh -c 'echo ready >&2; read x; echo $? >end' | cat\n")
    one.expect("ready\r\nready|ready\r\n")
    time.sleep(0.2)
    one.close()
    assert wait_for((one.work / "end").exists)


def test_window_size(session):
    """Who writes only is told of the window's new size, too."""
    one = session(ISOLATE)
    one.expect("prompt> ")
    one.type("$I sh -c 'trap \"stty size </dev/tty; exit\" WINCH; echo ready; while :; do sleep 0.01; done' </dev/null\n")
    one.expect("^ready")
    fcntl.ioctl(one.terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 23, 45, 0, 0))
    one.expect("^23 45")
