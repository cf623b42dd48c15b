"""The attacks of isolate/internal/attack, from a cell of a real kernel.

The attacker makes the world that they are made on, outside, and is started
again by a cell. In the isolated kernel every attack fails. In the plain one
those succeed that need no privileges; the others do so in namespaces of their
own, as in the Go test.
"""

import json
import os
import pathlib
import shutil
import subprocess

import pytest
from conftest import PYTHONS, Jupyter, fresh_home

PLAINLY, PRIVILEGED = "plainly", "with privileges"
OWN_NAMESPACES = ["unshare", "--user", "--map-root-user", "--mount", "--pid", "--net", "--ipc", "--uts", "--cgroup", "--fork", "--kill-child", "--mount-proc"]


class World:
    """The files and addresses that the attacks are told, made outside for one kernel."""

    def __init__(self, binary, place):
        place.mkdir()
        self.attacker = place / "attacker"
        shutil.copy(binary, self.attacker)
        self.process = subprocess.Popen([self.attacker, "world", place], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.known = json.loads(self.process.stdout.readline())

    def end(self):
        self.process.communicate()
        assert self.process.returncode == 0

    def options(self):
        """What a kernel's policy has in addition to the working directory."""
        return [f"--mount=ro:{self.attacker} ro:{self.known['Frozen']} {self.known['Hidden']}=none {self.known['Shadow']}=none"]


@pytest.fixture(scope="module")
def kernel_in_world(tmp_path_factory, binary):
    """Starts a kernel with a world made for it."""
    begun = []

    def start(name, first=None, options=()):
        jupyter = Jupyter(fresh_home(tmp_path_factory.mktemp("attacks")), PYTHONS["ipykernel7"])
        world = World(binary, jupyter.home / "world")
        begun.append(world.end)
        jupyter.install(*world.options(), *options)
        leaked = os.open(world.known["Outside"], os.O_RDONLY | os.O_DIRECTORY)
        kernel = jupyter.start(name, cwd=world.known["Work"], pass_fds=[leaked])
        os.close(leaked)
        begun.append(kernel.stop)
        if first:
            world.known["First"] = first
        return kernel, world

    yield start
    for end in reversed(begun):
        end()


def outcomes(kernel, *commands):
    """The result of each attack when a cell runs the commands one after the other."""
    said = kernel.run(f"""
import subprocess
for command in {commands!r}:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, close_fds=False)
    print(done.stdout)
""", 120)
    found = {}
    for line in said.splitlines():
        outcome, _, rest = line.partition("\t")
        name, _, why = rest.partition("\t")
        found[name] = f"{outcome} {why}".strip()
    return found


def attacks(binary, control):
    """The names of the attacks with one control."""
    lines = subprocess.run([binary, "list"], stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()
    names = [name for where, name in (line.split("\t") for line in lines) if where == control]
    assert len(names) > 50
    return names


def attack_all(kernel, world, control):
    return outcomes(kernel, [str(world.attacker), "all", control, json.dumps(world.known)])


# Each option that names something outside, with what none of the attacks is after.
NAMED = ["--connect=localhost:9", "--connect=10.9.8.7:5432", "--allow-host=pypi.test", "--allow-host=*.wild.test", "--device=/dev/full"]


@pytest.mark.parametrize("options", [[], NAMED], ids=["as it is", "with options"])
def test_attacks_in_an_isolated_kernel(kernel_in_world, binary, options):
    kernel, world = kernel_in_world("python3-isolated", first=1, options=options)
    for control in PLAINLY, PRIVILEGED:
        found = attack_all(kernel, world, control)
        untried = [name for name in attacks(binary, control) if name not in found]
        assert (untried, [name for name, outcome in found.items() if not outcome.startswith("failed")]) == ([], [])


def test_attacks_in_a_plain_kernel(kernel_in_world, binary):
    """The control of the test above."""
    kernel, world = kernel_in_world("python3")
    found = attack_all(kernel, world, PLAINLY)
    privileged = attacks(binary, PRIVILEGED)
    found |= outcomes(kernel, *([*OWN_NAMESPACES, str(world.attacker), "one", name, json.dumps(world.known)] for name in privileged))
    assert {name: found.get(name) for name in attacks(binary, PLAINLY) + privileged if found.get(name) != "succeeded"} == {}
