"""verify asks a kernel's GPU, with stand-ins for NVIDIA's devices and library."""

import json
import platform
import struct
import subprocess

import pytest
from conftest import COMMANDS, PYTHONS, Jupyter, fresh_home

# A /dev that has what is in the machine's for everybody, and /dev/zero as NVIDIA's devices.
WITH_DEVICES = """
set -e
mkdir "$1/dev" && mount -t tmpfs none "$1/dev" && cd "$1/dev"
for node in null zero full random urandom tty; do touch $node; mount --bind /dev/$node $node; done
for node in nvidiactl nvidia-uvm nvidia0 nvidia1; do touch $node; mount --bind /dev/zero $node; done
for place in pts shm; do mkdir $place; mount --rbind /dev/$place $place; done
ln -s pts/ptmx; ln -s /proc/self/fd
cd / && mount --rbind "$1/dev" /dev
shift
exec "$@"
"""


def library(status):
    """A library whose cuInit returns a status: ELF with the tables that the loader needs, and two instructions."""
    machine, code = {
        "x86_64": (62, struct.pack("<BIB", 0xB8, status, 0xC3)),
        "aarch64": (183, struct.pack("<II", 0x52800000 | status << 5, 0xD65F03C0)),
    }[platform.machine()]
    names = b"\0cuInit\0"
    size_of_headers = 64 + 2 * 56
    at, parts = {}, [b"\0" * size_of_headers]

    def add(name, data):
        at[name] = sum(map(len, parts))
        parts.append(data + b"\0" * (-len(data) % 8))

    add("code", code)
    add("names", names)
    add("symbols", bytes(24) + struct.pack("<IBBHQQ", 1, 0x12, 0, 1, at["code"], len(code)))
    add("hash", struct.pack("<5I", 1, 2, 1, 0, 0))
    add("dynamic", b"".join(struct.pack("<qQ", *entry) for entry in [
        (4, at["hash"]), (5, at["names"]), (6, at["symbols"]), (10, len(names)), (11, 24), (0, 0)]))
    whole = b"".join(parts)
    header = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\2\1\1", 3, machine, 1, 0, 64, 0, 0, 64, 56, 2, 0, 0, 0)
    load = struct.pack("<IIQQQQQQ", 1, 7, 0, 0, 0, len(whole), len(whole), 0x1000)
    dynamic = struct.pack("<IIQQQQQQ", 2, 6, at["dynamic"], at["dynamic"], at["dynamic"], 96, 96, 8)
    return header + load + dynamic + whole[size_of_headers:]


@pytest.mark.parametrize(("status", "says"), [(0, ""), (100, "cuInit returns 100")])
def test_verify_asks_the_gpu(tmp_path, status, says):
    person = Jupyter(fresh_home(tmp_path), PYTHONS["ipykernel7"])
    person.env["JUPYTER_PATH"] = str(person.home / "prefix/share/jupyter")
    place = person.home / "driver"
    place.mkdir()
    (place / "libcuda.so.1").write_bytes(library(status))
    person.install("--gpu=0", "--env", f"LD_LIBRARY_PATH={place}", "--mount", f"ro:{place}")
    enter = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", WITH_DEVICES, "sh", person.home]
    done = subprocess.run([*enter, COMMANDS / "isolate-kernelspec", "verify", "python3-isolated", "--json"], env=person.env, cwd=person.workdir(), capture_output=True, text=True, timeout=120)
    checks = {check["name"]: check for check in json.loads(done.stdout)["checks"]}
    gpu = checks.pop("gpu")
    assert gpu["held"] == (status == 0) and says in gpu["detail"], gpu
    assert all(check["held"] for check in checks.values()) and done.returncode == (status != 0), done.stdout
