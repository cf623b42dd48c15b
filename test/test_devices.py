"""A twin with devices says so, and its kernel opens them."""

import json
import os

from conftest import COMMANDS, PYTHONS, Jupyter, fresh_home


def test_twin_with_a_device(tmp_path):
    person = Jupyter(fresh_home(tmp_path), PYTHONS["ipykernel7"])
    person.env["JUPYTER_PATH"] = str(person.home / "prefix/share/jupyter")
    command = COMMANDS / "isolate-kernelspec"
    given = "/dev/net/tun" if os.access("/dev/net/tun", os.R_OK | os.W_OK) else "/dev/zero"
    installed = person.install("--device", given)
    assert f"the kernel can open {given}, and do with it what its driver lets you do" in installed.stdout + installed.stderr
    listed = person.run(command, "list").stdout
    assert "DEVICES" in listed and f"  {given}  " in listed
    shown = person.run(command, "show", "python3-isolated", cwd=person.workdir()).stdout
    assert f"Devices      {given}" in shown

    updated = person.run(command, "update", "python3-isolated", "--device", "/dev/full")
    assert f"the kernel can open {given}" in updated.stdout + updated.stderr
    assert person.spec("python3-isolated")["argv"].count("--device") == 2

    with_gpu = person.run(command, "update", "python3-isolated", "--gpu=0,1")
    assert "the kernel can compute on GPU 0, 1" in with_gpu.stdout + with_gpu.stderr
    assert "--gpu=0,1" in person.spec("python3-isolated")["argv"]
    twin = next(k for k in json.loads(person.run(command, "list", "--json").stdout)["kernels"] if k["name"] == "python3-isolated")
    assert twin["devices"] == [given, "/dev/full"] and twin["gpu"] == "0,1"


def test_mount_of_a_device(tmp_path):
    """The kernel doesn't start, and the notebook says which option it is."""
    person = Jupyter(fresh_home(tmp_path), PYTHONS["ipykernel7"])
    person.install("--mount", "/dev/ptmx")
    shown = person.run(COMMANDS / "isolate-kernelspec", "show", "python3-isolated", cwd=person.workdir(), check=False, env={"JUPYTER_PATH": str(person.home / "prefix/share/jupyter")})
    assert shown.returncode == 1 and "write --device /dev/ptmx" in shown.stderr
