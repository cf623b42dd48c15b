"""What runs plainly runs the same isolated: streams, signals and how a program ends."""

import os
import pty
import re
import select
import signal
import socket
import subprocess
import time

import pytest
from conftest import COMMANDS

ISOLATE = str(COMMANDS / "isolate")

# Scripts in which $I stands for nothing, and then for isolate. What they print
# and their status must be the same.
SCRIPTS = {
    "order in a pipe": "$I sh -c 'for i in 1 2 3 4 5 6; do echo o$i; echo e$i >&2; done' 2>&1 | cat",
    "order in a file": "$I sh -c 'for i in 1 2 3 4 5 6; do echo o$i; echo e$i >&2; done' >f 2>&1; cat f",
    "order in a file that both append to": "$I sh -c 'for i in 1 2 3 4 5 6; do echo o$i; echo e$i >&2; done' >>f 2>>f; cat f",
    "order after other output": "echo before >f; $I sh -c 'echo o; echo e >&2; echo o' >>f 2>&1; echo after >>f; cat f",
    "two files": "$I sh -c 'echo o; echo e >&2' >o 2>e; cat o e",
    "two positions in one file": "$I sh -c 'echo long line >&2; sleep 0.2; echo o' >f 2>f; cat f",
    "closed input": "$I cat <&- 2>/dev/null; echo $?",
    "closed output": "$I /bin/echo lost >&- 2>/dev/null; echo $?",
    "closed output of a shell": "$I sh -c 'echo o; echo e >&2' >&- 2>e; grep -c . e",
    "closed errors": "$I sh -c 'echo o; echo e >&2; echo $?' 2>&-",
    "all closed": "$I sh -c 'ls -l /proc/self/fd | grep -c null' <&- >&- 2>&-; echo $?",
    "umask 002": "umask 002; $I sh -c ': >f; mkdir g; umask'; stat -c %a f g",
    "umask 007": "umask 007; $I sh -c ': >f; mkdir g; umask'; stat -c %a f g",
    "umask 000": "umask 000; $I sh -c ': >f; mkdir g; umask'; stat -c %a f g",
    "umask 077": "umask 077; $I sh -c ': >f; mkdir g; umask'; stat -c %a f g",
    "limit of open files": "ulimit -Sn 300; $I sh -c 'ulimit -Sn; ulimit -Hn'",
    "ignored signals": "trap '' HUP INT QUIT TERM USR1 PIPE; $I grep SigIgn /proc/self/status",
    "no ignored signals": "$I grep SigIgn /proc/self/status",
    "a nested shell ignores them": "trap '' TERM; $I sh -c 'kill $$; echo goes on'",
    "the null device": "$I sh -c 'cat; echo lost; stat -Lc %F /dev/stdin /dev/stdout >&2' </dev/null >/dev/null",
    "timer slack": "$I cat /proc/self/timerslack_ns",
    "groups": "$I rsync -a /usr/share/common-licenses/BSD . && ls; $I cp -a /usr/share/common-licenses/BSD copy; echo $?",
    "status of a signal": "$I sh -c 'kill -9 $$'; echo $?; $I sh -c 'kill -TERM $$'; echo $?; $I sh -c 'kill -SEGV $$' 2>/dev/null; echo $?",
    "status of a child": "$I sh -c \"sh -c 'kill -9 \\$\\$'; echo \\$?\"",
}


def run(script, sandbox, where, **options):
    env = {"HOME": "/home/tester", "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "I": sandbox}
    return subprocess.run(["bash", "-c", script], cwd=where, env=env, capture_output=True, text=True, timeout=60, **options)


@pytest.mark.parametrize("name", SCRIPTS)
def test_same(tmp_path, name):
    outputs = []
    for sandbox in "", ISOLATE:
        where = tmp_path / ("isolated" if sandbox else "plain")
        where.mkdir()
        done = run(SCRIPTS[name], sandbox, where)
        outputs.append((done.returncode, done.stdout, re.sub(r"line \d+: +\d+", "", done.stderr)))
    assert outputs[0] == outputs[1]


LOST = {
    "a full disk": ("$I echo lost >/dev/full", "write standard output: no space left on device"),
    "a full disk, later": ("$I sh -c 'echo one; sleep 0.2; echo two; exit 0' >/dev/full", "write standard output: no space left on device"),
    "a full disk for both": ("$I sh -c 'echo lost; exit 0' 2>&1 >/dev/full", "write standard output: no space left on device"),
    "more than a pipe holds": ("$I seq 200000 >/dev/full", "write standard output: no space left on device"),
    "a limit of file size": ("ulimit -f 1; $I seq 2000 >f", "write standard output: file too large"),
    "a program that fails itself": ("$I sh -c 'echo lost; exit 3' >/dev/full", "write standard output: no space left on device"),
}


@pytest.mark.parametrize("name", LOST)
def test_lost_output(tmp_path, name):
    script, said = LOST[name]
    done = run(script, ISOLATE, tmp_path)
    assert done.returncode == (3 if "exit 3" in script else done.returncode) != 0
    lines = (done.stdout + done.stderr).splitlines()
    assert lines.count("isolate: " + said) == 1, lines


def test_lost_errors(tmp_path):
    assert run("$I sh -c 'echo lost >&2' 2>/dev/full", ISOLATE, tmp_path).returncode == 1


def test_reader_that_has_enough(tmp_path):
    done = run("$I seq 1000000 | head -n 1; echo ${PIPESTATUS[0]}", ISOLATE, tmp_path)
    assert (done.stdout, done.stderr) == (f"1\n{128 + signal.SIGPIPE}\n", "")


@pytest.mark.parametrize("sig", [signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM])
@pytest.mark.parametrize("ignored", [True, False])
def test_signal_to_the_sandbox(tmp_path, sig, ignored):
    """As in nohup, or a script's background job: the caller is signalled, and the program with it or not."""
    before = signal.signal(sig, signal.SIG_IGN if ignored else signal.SIG_DFL)
    try:
        process = subprocess.Popen([ISOLATE, "sh", "-c", "echo ready; sleep 1; echo done"], cwd=tmp_path, stdout=subprocess.PIPE, text=True, restore_signals=False)
    finally:
        signal.signal(sig, before)
    assert process.stdout.readline() == "ready\n"
    process.send_signal(sig)
    assert process.stdout.read() == ("done\n" if ignored else "")
    assert process.wait(10) == (0 if ignored else -sig)


@pytest.mark.parametrize("sig", [signal.SIGINT, signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT, signal.SIGUSR1, signal.SIGALRM, signal.SIGXCPU])
def test_death_by_signal(tmp_path, sig):
    """The command dies as the program did, and leaves no core file of its own."""
    script = f"ulimit -c unlimited; exec $I sh -c 'ulimit -c 0; kill -{int(sig)} $$'"
    assert run(script, "", tmp_path).returncode == -sig
    assert run(script, ISOLATE, tmp_path).returncode == -sig
    assert not list(tmp_path.glob("core*"))


def test_a_kernel_dies_by_its_signal(tmp_path):
    (tmp_path / "c.json").write_text('{"transport": "tcp", "ip": "127.0.0.1", "key": "k", "signature_scheme": "hmac-sha256", "kernel_name": "",'
        + ", ".join(f'"{c}_port": {p}' for c, p in zip(["shell", "iopub", "stdin", "control", "hb"], free_ports(5))) + "}")
    work = tmp_path / "work"
    work.mkdir()
    command = [COMMANDS / "isolate-kernel", "--", "sh", "-c", "kill -9 $$", tmp_path / "c.json"]
    assert subprocess.run(command, cwd=work, timeout=60).returncode == -signal.SIGKILL


LOOPS = {
    "a shell's loop": "for i in 1 2 3; do $I sh -c 'echo ready; exec sleep 2'; echo after; done",
    "a program that catches Ctrl-C": "for i in 1 2 3; do $I python3 -c 'import time\ntry: print(\"ready\", flush=True); time.sleep(2)\nexcept KeyboardInterrupt: print(\"caught\")'; echo after; done",
    "a program's loop": """python3 -c '
import os, subprocess
for i in range(3):
    subprocess.run([*os.environ["I"].split(), "sh", "-c", "echo ready; exec sleep 2"], stderr=subprocess.DEVNULL)
    print("after")' 2>/dev/null""",
    "a program that reads the key itself": "for i in 1 2; do $I sh -c 'stty -isig -icanon; echo ready; dd bs=1 count=1 2>/dev/null | od -An -c; stty sane'; echo after; done",
}


@pytest.mark.parametrize("key", ["\x03", "\x1c"])
@pytest.mark.parametrize("name", LOOPS)
def test_keys_in_a_loop(tmp_path, name, key):
    """Ctrl-C and Ctrl-\\ end the loop around a program as well, unless the program takes keys as they are."""
    results = []
    for sandbox in "", ISOLATE:
        results.append(type_at(LOOPS[name], sandbox, tmp_path, key))
    assert results[0] == results[1]


def type_at(script, sandbox, where, key):
    """Runs a script at a terminal of its own and types the key once it says ready."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(where)
        os.environ.update(I=sandbox, HOME="/home/tester", PATH="/usr/bin:/bin")
        os.execvp("sh", ["sh", "-c", script])
    shown, deadline, typed = b"", time.monotonic() + 20, 0
    while time.monotonic() < deadline:
        if not select.select([terminal], [], [], 0.2)[0]:
            continue
        try:
            shown += os.read(terminal, 4096)
        except OSError:
            break
        if shown.count(b"ready\r\n") > typed:
            typed += 1
            time.sleep(0.2)  # for the program to get to its wait
            os.write(terminal, key.encode())
    os.close(terminal)
    _, status = os.waitpid(pid, 0)
    return shown.decode().count("after"), os.waitstatus_to_exitcode(status)


def test_a_stopped_program_is_ended_by_timeout(tmp_path):
    """timeout(1) sends SIGTERM and then SIGCONT."""
    for sandbox in "", ISOLATE:
        start = time.monotonic()
        assert run("timeout -k 20 1 $I sh -c 'kill -STOP $$; sleep 60'", sandbox, tmp_path).returncode == 124
        assert time.monotonic() - start < 15


def test_a_program_signals_no_job_by_keys_of_its_own(tmp_path):
    """It makes c the key of SIGQUIT and has the terminal type it; the script around it goes on."""
    script = "$I sh -c 'stty quit c; echo ready; sleep 1'; echo after"
    assert type_at("trap '' QUIT; " + script, ISOLATE, tmp_path, "c")[0] == 1
    assert type_at(script, ISOLATE, tmp_path, "c") == (1, 0)


ENVIRONMENT = {
    "by its name": "$I python3 -c 'import sys, ours; print(sys.prefix)'",
    "by a shell": "$I sh -c 'python3 -c \"import sys, ours; print(sys.prefix)\"'",
    "by make": "printf 'all:\\n\\t@python3 -c \"import sys, ours; print(sys.prefix)\"\\n' >Makefile; $I make",
    "by env": "printf '#!/usr/bin/env python3\\nimport sys, ours; print(sys.prefix)\\n' >s; chmod +x s; $I ./s",
    "by its path": "$I $VIRTUAL_ENV/bin/python3 -c 'import sys, ours; print(sys.prefix)'",
    "by a link": "ln -s $VIRTUAL_ENV/bin/ours $HOME/bin/ours; PATH=$HOME/bin:/usr/bin:/bin $I ours",
    "a script of the environment": "$I ours",
    "packages of the base": "$I python3 -c 'import json, ssl; print(json.__file__)'",
}


@pytest.fixture
def environment(tmp_path):
    """A virtual environment in a home directory, with a module and a command of its own."""
    prefix = tmp_path / "home/venv"
    subprocess.run(["/usr/bin/python3", "-m", "venv", "--without-pip", prefix], check=True)
    (tmp_path / "home/bin").mkdir()
    (next(prefix.glob("lib/python3*")) / "site-packages/ours.py").touch()
    (prefix / "bin/ours").write_text(f"#!{prefix}/bin/python3\nimport sys, ours; print(sys.prefix)\n")
    (prefix / "bin/ours").chmod(0o755)
    return prefix


@pytest.mark.parametrize("name", ENVIRONMENT)
def test_active_environment(tmp_path, environment, name):
    outputs = []
    for sandbox in "", ISOLATE:
        work = tmp_path / ("isolated" if sandbox else "plain")
        work.mkdir()
        (tmp_path / "home/bin/ours").unlink(missing_ok=True)
        env = {"HOME": str(tmp_path / "home"), "PATH": f"{environment}/bin:/usr/bin:/bin", "VIRTUAL_ENV": str(environment), "I": sandbox}
        done = subprocess.run(["bash", "-c", ENVIRONMENT[name]], cwd=work, env=env, capture_output=True, text=True, timeout=60)
        outputs.append((done.returncode, done.stdout, done.stderr))
    assert outputs[0] == outputs[1] and outputs[0][0] == 0


def test_active_environment_of_a_kernel(jupyter, kernels, environment):
    """A cell starts the programs that it starts plainly, whichever environment the kernel itself is of."""
    env = {"PATH": f"{environment}/bin:{jupyter.env['PATH']}"}
    code = "import subprocess; print(subprocess.run(['python3', '-c', 'import sys, ours; print(sys.prefix)'], capture_output=True, text=True))"
    outputs = []
    for name in "python3", "python3-isolated":
        kernel = jupyter.start(name, env=env)
        kernels.append(kernel)
        outputs.append(kernel.run(code))
    assert outputs[0] == outputs[1] and str(environment) in outputs[0]


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports
