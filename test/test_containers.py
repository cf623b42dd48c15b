"""Sandboxes and kernels in real containers of Podman's.

A container has this machine's /usr, the commands and a home of its own, and is
what `podman run` makes otherwise: with a filter of system calls, parts of /proc
hidden, and hardly any capability. Root starts them, for root and for an ordinary
user inside, and one who isn't root does.
"""

import contextlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

import pytest
from common import ROOT, processes, wait_for
from conftest import COMMANDS

pytestmark = [pytest.mark.once, pytest.mark.xdist_group("containers")]

NOBODY = 65534
# Podman's crun takes no cgroups of both versions, as some machines have them.
BEFORE = "if mountpoint -q /sys/fs/cgroup/unified; then umount /sys/fs/cgroup/unified; fi; exec \"$@\""
ROOTLESS = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
STARTERS = {"root for root": ([], []), "root for a user": ([], ["--user=1000:1000"]), "a user": (ROOTLESS, [])}


class Podman:
    """Containers on one root directory."""

    def __init__(self, place, starter):
        self.place = place
        self.before, self.options = STARTERS[starter]
        root = place / "root"
        for name in "etc", "home", "opt", "proc", "sys", "dev", "tmp", "run", "usr", "var":
            (root / name).mkdir(parents=True)
        for name in "bin", "lib", "lib64", "sbin":
            (root / name).symlink_to(f"usr/{name}")
        (place / "runtime").mkdir(mode=0o700)
        shutil.copytree(COMMANDS, place / "bin")
        if self.before:
            for path in place, *place.rglob("*"):
                os.chown(path, NOBODY, NOBODY, follow_symlinks=False)

    def run(self, script, *options):
        """What a script says and how it ends in a container."""
        command = [
            *("podman", "--root", self.place / "storage", "--runroot", self.place / "runtime", "--storage-driver=vfs"),
            *("--cgroup-manager=cgroupfs", "--log-level=fatal", "run", "--cgroups=disabled", "--network=none", "--rm"),
            *("--ulimit=nofile=1024:1024", "--ulimit=nproc=4096:4096", "--tmpfs=/home:mode=1777,exec", "--tmpfs=/tmp"),
            *("--volume=/usr:/usr:ro", f"--volume={self.place}/bin:/opt/bin:ro", *self.options, *options),
            *("--env=HOME=/home/person", "--env=PATH=/opt/bin:/usr/bin:/bin", "--rootfs", self.place / "root"),
            *("/bin/sh", "-c", f"mkdir -p ~/work && cd ~/work && {script}"),
        ]
        env = {"PATH": os.environ["PATH"], "HOME": str(self.place), "XDG_RUNTIME_DIR": str(self.place / "runtime")}
        whole = ["unshare", "--mount", "sh", "-c", BEFORE, "sh", *self.before, *command]
        return subprocess.run(whole, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60, cwd="/")


@contextlib.contextmanager
def started_by(starter):
    place = pathlib.Path(tempfile.mkdtemp(prefix="isolate-podman.", dir="/var/tmp"))
    place.chmod(0o755)
    yield Podman(place, starter)
    # Podman goes on to clean up when a container has ended.
    assert wait_for(lambda: not processes(str(place)))
    shutil.rmtree(place)


@pytest.fixture(params=STARTERS, scope="module")
def podman(request):
    with started_by(request.param) as podman:
        yield podman


@pytest.fixture(scope="module")
def podman_of_user():
    with started_by("root for a user") as podman:
        yield podman


def options_in(said):
    """The options for podman run that an error names."""
    return re.findall(r"--security-opt [a-zA-Z=]+", said)


HIDDEN = "isolate: make a file system of kind proc: parts of /proc are hidden here, and then no other can be made; start the container with "


def test_default_container(podman):
    """Only /proc is in the way, and each of the two remedies helps."""
    refused = podman.run("isolate echo ran")
    assert refused.stdout == HIDDEN + "--security-opt unmask=ALL, or --share-proc, which shows it other processes\n"
    assert refused.returncode == 125
    shared = podman.run("isolate --share-proc echo ran")
    assert (shared.returncode, shared.stdout) == (0, "ran\n")
    unmasked = podman.run("isolate echo ran", *" ".join(options_in(refused.stdout)).split())
    assert (unmasked.returncode, unmasked.stdout) == (0, "ran\n")


def test_container_of_dockerspawner(podman_of_user):
    """What is missing is named as settings of JupyterHub's, which come to the same option."""
    spawned = "--env=JUPYTER_IMAGE_SPEC=lab"
    refused = podman_of_user.run("isolate echo ran; isolate-kernelspec doctor --container", spawned)
    setting = 'c.DockerSpawner.extra_host_config = {"security_opt": ["unmask=ALL"]}'
    assert f"; set in jupyterhub_config.py {setting}, or --share-proc, which shows it other processes\n" in refused.stdout
    assert f"for DockerSpawner, all of this:\n{setting}\n" in refused.stdout
    done = podman_of_user.run("isolate echo ran", spawned, "--security-opt=unmask=ALL")
    assert (done.returncode, done.stdout) == (0, "ran\n")


def test_names_of_a_container(podman_of_user):
    """Podman's filter keeps the host name from being set: that is said, and an error where it was asked for."""
    done = podman_of_user.run(
        "isolate --share-proc --report=$HOME/report uname -n; cat ~/report; isolate --share-proc --hostname=mine true; isolate --share-proc --dry-run true",
        "--hostname=theirs",
    )
    said = " ".join(done.stdout.split())
    assert said.startswith("theirs {")
    assert '"kept_names": ["hostname"]' in said
    assert "isolate: set the host name mine: a filter of system calls forbids that; leave --hostname out" in said
    assert "on the host theirs; its hostname can't be set here" in said


def test_filter_as_dockers(podman_of_user):
    """All that has to change is named at once, and helps."""
    names = ["unshare", "mount", "umount2", "pivot_root", "open_tree", "move_mount", "fsopen", "mount_setattr", "sethostname"]
    rules = [{"names": names, "action": "SCMP_ACT_ERRNO", "errnoRet": 1}]
    has_user_namespace = {"index": 0, "value": 0x10000000, "valueTwo": 0x10000000, "op": "SCMP_CMP_MASKED_EQ"}
    rules.append({"names": ["clone"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1, "args": [has_user_namespace]})
    profile = podman_of_user.place / "seccomp.json"
    profile.write_text(json.dumps({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": rules}))
    refused = podman_of_user.run("isolate echo ran", f"--security-opt=seccomp={profile}")
    assert refused.stdout == (
        "isolate: make namespaces: a filter of system calls forbids them; start the container with "
        "--security-opt seccomp=unconfined --security-opt unmask=ALL, or --share-proc in place of the last\n"
    )
    whole = podman_of_user.run("isolate echo ran", *" ".join(options_in(refused.stdout)).split())
    assert (whole.returncode, whole.stdout) == (0, "ran\n")
    shared = podman_of_user.run("isolate --share-proc echo ran", "--security-opt=seccomp=unconfined")
    assert (shared.returncode, shared.stdout) == (0, "ran\n")


def test_kernel_in_a_default_container(podman_of_user):
    """A kernel holds everything but what --share-proc gives up, and one without that says why it doesn't start."""
    done = podman_of_user.run(
        "isolate-kernelspec install python3 --share-proc >&2 && isolate-kernelspec verify python3-isolated --json; "
        "isolate-kernelspec doctor; isolate-kernelspec install python3 --name=own >&2; isolate-kernelspec verify own"
    )
    print(done.stdout)
    found = json.loads(done.stdout[done.stdout.index("{") : done.stdout.rindex("}") + 1])
    assert [c["name"] for c in found["checks"] if not c["held"]] == ["processes"]
    assert "by --share-proc its kernel sees" in next(c["detail"] for c in found["checks"] if c["name"] == "processes")
    assert re.search(r"^sandbox +weaker +can be made with --share-proc only", done.stdout, re.MULTILINE)
    assert "or install the twin with --share-proc, which shows it other processes" in done.stdout.splitlines()[-1]


ATTACKS = """
import json, subprocess
world = subprocess.Popen(["/opt/bin/attacker", "world", "/home/world"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
known = json.loads(world.stdout.readline())
attack = ["/opt/bin/attacker", "all", "plainly"]
print(subprocess.run([*attack, json.dumps(known)], stdout=subprocess.PIPE, text=True).stdout)
known["First"], known["Shared"] = 1, True
entries = "ro:/opt/bin/attacker ro:{Frozen} {Hidden}=none {Shadow}=none {Work}".format(**known)
print("inside")
for control in "plainly", "with privileges":
    attack[-1] = control
    print(subprocess.run(["isolate", "--share-proc", "--mount", entries, "--chdir", known["Work"], *attack, json.dumps(known)], stdout=subprocess.PIPE, text=True).stdout)
world.communicate()
"""


def test_attacks_in_a_default_container(podman_of_user, binary):
    """With --share-proc everything fails but what that and the container's filter give up, and the control of that succeeds."""
    shutil.copy(binary, podman_of_user.place / "bin/attacker")
    (podman_of_user.place / "bin/attacks.py").write_text(ATTACKS)
    done = podman_of_user.run("mkdir /home/world && python3 /opt/bin/attacks.py")
    print(done.stdout)  # for the report of a test that fails
    outside, inside = (
        {name for name in re.findall(r"^succeeded\t([^\t\n]+)", part, re.MULTILINE)} for part in done.stdout.split("\ninside\n")
    )
    source = (ROOT / "isolate/internal/attack/attack.go").read_text()
    given = set(re.findall(r'"([^"]+)"', source.partition("func WithSharedProc()")[2].partition("\n}\n")[0]))
    given.add("sees the machine's host name")
    assert (inside, given - outside, len(outside) > 60) == (given, set(), True)
