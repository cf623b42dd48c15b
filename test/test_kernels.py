"""Kernels of many languages and makers, from install to remove."""

import json

from common import wait_for
from conftest import COMMANDS
from real import each
from test_verify import PROBES, PROTOCOL


def command(jupyter, *arguments, check=True):
    return jupyter.run(COMMANDS / "isolate-kernelspec", *arguments, check=check)


def verify(jupyter, name, tries):
    """The exit status, what is isolated, and the checks of the protocol that fail as they do without isolation."""
    for _ in range(tries):
        done = command(jupyter, "verify", name, "--json", check=False)
        print(done.stdout, done.stderr)  # for the report of a test that fails
        checks = json.loads(done.stdout)["checks"]
        if done.returncode == 0:
            break
    assert {c["name"] for c in checks if c["kind"] == "protocol"} >= PROTOCOL - {"stdin"}  # which some languages don't have
    held = {c["name"] for c in checks if c["kind"] == "isolation" and c["held"]}
    return done.returncode, held, {c["name"] for c in checks if c["as_plain"]}


def state(jupyter, name):
    kernels = json.loads(command(jupyter, "list", "--json").stdout)["kernels"]
    return next(k["state"] for k in kernels if k["name"] == name)


@each()
def test_life(tmp_path, kernels, real):
    """Installed, verified, updated after its base has changed, run, and removed without a trace."""
    jupyter = real.person(tmp_path)
    before = sorted((jupyter.home / "prefix").rglob("*"))
    twin = real.name + "-isolated"
    done = command(jupyter, "install", real.name, "--prefix", jupyter.home / "prefix", "--env", "MINE=1")
    assert "can't be asked" not in done.stderr
    assert verify(jupyter, twin, real.tries) == (0, PROBES, real.faults)

    real.change_base(jupyter, lambda spec: spec.setdefault("env", {}).update(CHANGED="1"))
    (real.base(jupyter) / "logo-9x9.png").write_bytes(b"new")
    assert state(jupyter, twin) == "base changed"
    command(jupyter, "update", twin)
    assert state(jupyter, twin) == "ok"
    spec = jupyter.spec(twin)
    assert spec["env"]["CHANGED"] == "1" and "MINE=1" in spec["argv"]
    assert (real.base(jupyter).parent / twin / "logo-9x9.png").read_bytes() == b"new"

    kernel = jupyter.start(twin)
    kernels.append(kernel)
    # Deno sends its output beside the end of the cell: jupyter_client may miss it.
    assert wait_for(lambda: kernel.run(real.code, 60) == "42")
    kernel.stop()

    command(jupyter, "remove", twin)
    (real.base(jupyter) / "logo-9x9.png").unlink()
    assert sorted((jupyter.home / "prefix").rglob("*")) == before
    assert not list((jupyter.home / ".local/share/jupyter").rglob("verify-*"))
