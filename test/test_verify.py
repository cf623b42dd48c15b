"""isolate-kernelspec verify: a kernel's own attempts say what holds."""

import contextlib
import json
import os
import pathlib
import re
import signal
import socket
import subprocess

import psutil
import pytest
from common import wait_for
from conftest import COMMANDS
from test_install import make_base

PROBES = {"read", "write", "keys", "processes", "environment", "network", "privileges"}
PROTOCOL = {"start", "heartbeat", "execute", "stdin", "interrupt", "restart", "shutdown"}


def verify(jupyter, name):
    """The exit status, and the names of what held and what didn't."""
    done = jupyter.run(COMMANDS / "isolate-kernelspec", "verify", name, "--json", check=False, env=found(jupyter))
    checks = json.loads(done.stdout)["checks"]
    print(done.stdout, done.stderr)  # for the report of a test that fails
    return done.returncode, {c["name"] for c in checks if c["held"]}, {c["name"] for c in checks if not c["held"]}


def found(jupyter):
    """Lets Jupyter find what this person has installed."""
    return {"JUPYTER_PATH": f"{jupyter.home / 'path'}:{jupyter.home / 'prefix/share/jupyter'}"}


def test_python_holds(each_jupyter):
    assert verify(each_jupyter, "python3-isolated") == (0, PROBES | PROTOCOL, set())


def test_plain_kernel_holds_nothing(jupyter):
    """The control of all others: each probe finds what it looks for."""
    assert verify(jupyter, "python3") == (1, PROTOCOL, PROBES)


def verify_r(jupyter, name):
    """R's kernel sometimes leaves the message after an interrupt unanswered, plain as well: its protocol has three tries."""
    for _ in range(3):
        outcome = verify(jupyter, name)
        if PROTOCOL <= outcome[1]:
            break
    return outcome


def test_r_holds(jupyter):
    jupyter.run(COMMANDS / "isolate-kernelspec", "install", "ir", "--prefix", jupyter.home / "prefix")
    assert verify_r(jupyter, "ir-isolated") == (0, PROBES | PROTOCOL, set())


def test_plain_r_holds_nothing(jupyter):
    assert verify_r(jupyter, "ir") == (1, PROTOCOL, PROBES)


@pytest.mark.parametrize(
    "weaken, opened",
    [
        (lambda spec, home: spec["argv"].__setitem__(slice(1, 1), ["--network", "host"]), {"network"}),
        (lambda spec, home: spec["env"].update(MNTDIRS=f". {home}/.local"), {"read", "write"}),
        (lambda spec, home: spec["env"].update(MNTDIRS=f". ro:{home}/.local"), {"read"}),
        (lambda spec, home: spec["argv"].__setitem__(slice(1, 1), ["--env", "ISOLATE_VERIFY_TOKEN"]), {"environment"}),
        (lambda spec, home: spec.update(argv=spec["argv"][spec["argv"].index("--") + 1 :]), PROBES),
    ],
    ids=["network", "mount", "read-only mount", "environment", "no launcher"],
)
def test_weakened(jupyter, weaken, opened):
    """verify finds a spec that somebody has opened by hand, and how."""
    jupyter.edit("python3-isolated", lambda spec: weaken(spec, jupyter.home))
    assert verify(jupyter, "python3-isolated") == (1, (PROBES | PROTOCOL) - opened, opened)


@pytest.mark.once
def test_visitor_that_is_not_the_kernel(jupyter):
    """A front end elsewhere may connect to the port of verify's service."""
    command = [COMMANDS / "isolate-kernelspec", "verify", "python3-isolated"]
    verifying = subprocess.Popen(command, env={**jupyter.env, **found(jupyter)}, cwd=jupyter.home, stdout=subprocess.PIPE, text=True)
    process = psutil.Process(verifying.pid)
    assert wait_for(lambda: [c for c in process.net_connections() if c.status == psutil.CONN_LISTEN], 10)
    for service in process.net_connections():
        if service.status == psutil.CONN_LISTEN:
            socket.create_connection(service.laddr).close()
    said, _ = verifying.communicate(timeout=60)
    assert verifying.returncode == 0 and "OPEN" not in said, said


@pytest.mark.once
def test_progress(jupyter):
    """A terminal shows progress, which is erased at the end; elsewhere nothing is shown."""
    command = f"{COMMANDS / 'isolate-kernelspec'} verify python3-isolated"
    shown = jupyter.run("script", "--quiet", "--return", "--command", command, "/dev/null", env=found(jupyter)).stdout
    assert "verifying python3-isolated, 0 s" in shown
    # A carriage return is a new line here.
    left = re.sub(r"(\nverifying python3-isolated, \d+ s\x1b\[K)+\n\x1b\[K", "", shown)
    assert "verifying" not in left and "\x1b" not in left
    assert re.search("^heartbeat +works", left, re.MULTILINE)
    done = jupyter.run("isolate-kernelspec", "verify", "python3-isolated", env={**found(jupyter), "PATH": f"{COMMANDS}:{jupyter.env['PATH']}"})
    assert done.stderr == ""


XPYTHON = ["/usr/bin/xpython", "-f", "{connection_file}"]  # ends on an interrupt


def test_fault_of_the_kernel_itself(jupyter):
    """A check that the plain kernel fails as well is reported, and counts as held."""
    make_base(jupyter, "xpython", {"argv": XPYTHON, "display_name": "X", "language": "python"})
    jupyter.run(COMMANDS / "isolate-kernelspec", "install", "xpython", "--prefix", jupyter.home / "prefix")
    done = jupyter.run(COMMANDS / "isolate-kernelspec", "verify", "xpython-isolated", env=found(jupyter))
    assert "interrupt    same    ends the kernel, as it does without isolation" in done.stdout.splitlines()


def test_fault_of_isolation(jupyter):
    """A check that only the isolated kernel fails is not held."""
    jupyter.edit("python3-isolated", lambda spec: spec.update(argv=spec["argv"][: spec["argv"].index("--") + 1] + XPYTHON))
    assert verify(jupyter, "python3-isolated") == (1, (PROBES | PROTOCOL) - {"interrupt"}, {"interrupt"})


def test_kernel_that_does_not_start(jupyter):
    jupyter.edit("python3-isolated", lambda spec: spec["env"].update(MNTDIRS="/no/such/directory"))
    done = jupyter.run(COMMANDS / "isolate-kernelspec", "verify", "python3-isolated", check=False, env=found(jupyter))
    assert done.returncode == 1
    assert "/no/such/directory" in done.stderr and len(done.stderr.splitlines()) == 1
    assert not list((jupyter.home / ".local/share/jupyter").rglob("verify-*"))


@pytest.mark.once
def test_probes_that_give_no_answer(jupyter):
    """A probe without an answer is neither held nor open."""
    jupyter.edit("python3-isolated", lambda spec: spec.update(language="javascript"))
    done = jupyter.run(COMMANDS / "isolate-kernelspec", "verify", "python3-isolated", check=False, env=found(jupyter))
    words = dict(line.split()[:2] for line in done.stdout.splitlines())
    assert done.returncode == 1 and {words[name] for name in PROBES} == {"unknown"}
    done = jupyter.run(COMMANDS / "isolate-kernelspec", "verify", "python3-isolated", "--json", check=False, env=found(jupyter))
    assert {(c["held"], c["unknown"]) for c in json.loads(done.stdout)["checks"] if c["name"] in PROBES} == {(False, True)}


@pytest.mark.once
@pytest.mark.parametrize("isolated", [False, True], ids=["plain", "isolated"])
def test_interpreter_without_the_kernels_module(jupyter, isolated):
    """The remedy names the interpreter that lacks it."""
    venv = jupyter.home / "my venv"
    jupyter.run("/usr/bin/python3", "-m", "venv", "--without-pip", venv)
    make_base(jupyter, "bare", {"argv": [f"{venv}/bin/python", "-m", "ipykernel_launcher", "-f", "{connection_file}"], "display_name": "B", "language": "python"})
    if isolated:
        jupyter.run(COMMANDS / "isolate-kernelspec", "install", "bare", "--prefix", jupyter.home / "prefix")
    done = jupyter.run(COMMANDS / "isolate-kernelspec", "verify", "bare-isolated" if isolated else "bare", check=False, env=found(jupyter))
    assert done.returncode == 1
    assert done.stderr.endswith(f"No module named ipykernel_launcher; '{venv}/bin/python' -m pip install ipykernel\n")


@pytest.mark.once
def test_module_that_only_the_isolated_kernel_lacks(jupyter):
    """The remedy is an update: installing the module would not help."""
    home = jupyter.home / "packages"
    home.mkdir()
    (home / "mykernel.py").write_text("")
    venv = jupyter.home / "venv"
    jupyter.run("/usr/bin/python3", "-m", "venv", "--without-pip", venv)
    make_base(jupyter, "mine", {"argv": [f"{venv}/bin/python", "-m", "mykernel", "{connection_file}"], "display_name": "M", "language": "python"})
    jupyter.run(COMMANDS / "isolate-kernelspec", "install", "mine", "--prefix", jupyter.home / "prefix")
    (next((venv / "lib").iterdir()) / "site-packages/mine.pth").write_text(f"{home}\n")  # after the twin was made
    done = jupyter.run(COMMANDS / "isolate-kernelspec", "verify", "mine-isolated", check=False, env=found(jupyter))
    assert done.returncode == 1 and "No module named mykernel; isolate-kernelspec update " in done.stderr


def test_full_disk_keeps_the_old_spec(jupyter):
    """A spec is replaced whole or not at all."""
    base = jupyter.home / "path/kernels/big"
    base.mkdir(parents=True)
    (base / "kernel.json").write_text(json.dumps({"argv": ["sh", "{connection_file}"], "display_name": "Big", "language": "x"}))
    script = (
        'mount -t tmpfs -o size=200k none "$1" && "$2" install big --prefix "$1" && head -c 300000 /dev/zero >"$3/logo.svg" || exit 9\n'
        '! "$2" install big --prefix "$1" && "$2" list && find "$1" -type f && cat "$1"/share/jupyter/kernels/big-isolated/kernel.json'
    )
    prefix = jupyter.home / "small"
    prefix.mkdir()
    done = jupyter.run("unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script, "sh", prefix, COMMANDS / "isolate-kernelspec", base)
    assert "no space is left for" in done.stderr and "what was there before is kept" in done.stderr
    assert sorted(line.rsplit("/", 1)[1] for line in done.stdout.splitlines() if line.startswith(f"{prefix}/")) == ["isolate.json", "kernel.json"]
    assert done.stdout.rstrip().endswith("}")


def left_behind(jupyter):
    """Directories and processes of trials: each process has the home in its command line, environment or working directory."""
    home = str(jupyter.home)
    found = [str(d) for d in (jupyter.home / ".local/share/jupyter").glob("verify-*")]
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if f"HOME={home}\0".encode() in (process / "environ").read_bytes() and int(process.name) != os.getpid():
                found.append((process / "cmdline").read_bytes().decode())
    return found


# The moments: bait is laid out, the kernel starts, its code runs, it is restarted.
@pytest.mark.once
@pytest.mark.parametrize("kernel", ["python3-isolated", "python3"], ids=["isolated", "plain"])
@pytest.mark.parametrize("sig, after", [
    (signal.SIGTERM, None), (signal.SIGTERM, "start"), (signal.SIGHUP, "stdin"), (signal.SIGQUIT, "privileges"), (signal.SIGINT, "interrupt"),
])
def test_ended_by_a_signal(jupyter, kernel, sig, after):
    """Nothing is left, and nothing more is said."""
    verifying = subprocess.Popen([COMMANDS / "isolate-kernelspec", "verify", kernel], env={**jupyter.env, **found(jupyter)},
                                 cwd=jupyter.home, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    said = ""
    while after and after not in said:
        said = verifying.stdout.readline()
        assert said
    if not after:
        assert wait_for(lambda: left_behind(jupyter)[1:])
    verifying.send_signal(sig)
    rest, complaint = verifying.communicate(timeout=20)
    assert verifying.returncode in (-sig, 128 + sig)
    assert complaint == "" and "FAILS" not in rest and "unknown" not in rest
    assert wait_for(lambda: left_behind(jupyter) == [], 5), left_behind(jupyter)


@pytest.mark.once
@pytest.mark.parametrize("kernel", ["python3-isolated", "python3"], ids=["isolated", "plain"])
def test_reader_that_goes_away(jupyter, kernel):
    command = f"set -o pipefail; {COMMANDS / 'isolate-kernelspec'} verify {kernel} | head -n 2"
    done = jupyter.run("bash", "-c", command, check=False, env=found(jupyter))
    assert done.returncode == 128 + signal.SIGPIPE and done.stderr == "" and len(done.stdout.splitlines()) == 2
    assert wait_for(lambda: left_behind(jupyter) == [], 5), left_behind(jupyter)


@pytest.mark.once
def test_output_that_cannot_be_written(jupyter):
    with open("/dev/full", "w") as full:
        verifying = subprocess.Popen([COMMANDS / "isolate-kernelspec", "verify", "python3-isolated"], env={**jupyter.env, **found(jupyter)},
                                     cwd=jupyter.home, stdout=full, stderr=subprocess.PIPE, text=True)
        _, complaint = verifying.communicate(timeout=20)
    assert verifying.returncode == 1 and "no space left on device" in complaint
    assert wait_for(lambda: left_behind(jupyter) == [], 5), left_behind(jupyter)


@pytest.mark.once
def test_hang_up_that_is_ignored(jupyter):
    """nohup is respected."""
    command = f"trap '' HUP; {COMMANDS / 'isolate-kernelspec'} verify python3-isolated & sleep 1; kill -HUP $!; wait $!"
    done = jupyter.run("sh", "-c", command, env=found(jupyter))
    assert re.search("^shutdown +works", done.stdout, re.MULTILINE)


def test_killed(jupyter):
    """The processes end with verify; the next trial removes the directory, and leaves that of a trial that is still running."""
    verify_it = [COMMANDS / "isolate-kernelspec", "verify", "python3-isolated"]
    options = dict(env={**jupyter.env, **found(jupyter)}, cwd=jupyter.home, stdout=subprocess.PIPE, text=True)
    other = subprocess.Popen(verify_it, **options)
    other.stdout.readline()  # it has looked for what others left by then
    killed = subprocess.Popen(verify_it, **options)
    killed.stdout.readline()
    killed.kill()
    killed.communicate()
    checks, _ = other.communicate(timeout=60)
    assert other.returncode == 0, checks
    assert wait_for(lambda: len(left_behind(jupyter)) == 1, 5), left_behind(jupyter)
    jupyter.run(*verify_it, env=found(jupyter))
    assert left_behind(jupyter) == []


@pytest.mark.once
def test_launcher_that_is_gone(jupyter):
    jupyter.edit("python3-isolated", lambda spec: spec["argv"].__setitem__(0, "/no/such/isolate-kernel"))
    done = jupyter.run(COMMANDS / "isolate-kernelspec", "verify", "python3-isolated", check=False, env=found(jupyter))
    assert done.stderr == "isolate-kernelspec: start /no/such/isolate-kernel: no such file or directory; isolate-kernelspec doctor looks for the cause\n"
