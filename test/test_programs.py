"""Programs that need more of the kernel than most keep working in a sandbox."""

import subprocess

import pytest
from conftest import COMMANDS

THREADS = """
const { Worker } = require("worker_threads");
new Worker("require('worker_threads').parentPort.postMessage(6 * 7)", { eval: true }).on("message", console.log);
"""
POOL = """
import asyncio, multiprocessing
def double(n): return 2 * n
async def main():
    process = await asyncio.create_subprocess_exec("echo", "from asyncio")
    await process.wait()
if __name__ == "__main__":
    asyncio.run(main())
    for method in ("fork", "spawn", "forkserver"):
        with multiprocessing.get_context(method).Pool(2) as pool:
            print(method, sum(pool.map(double, range(7))))
"""

# Messages that OpenMPI copies from process to process; it complains of each that it can't.
MESSAGES = """
from mpi4py import MPI
world = MPI.COMM_WORLD
data = bytearray(8_000_000)
for _ in range(3):
    world.Send(data, dest=1) if world.rank == 0 else world.Recv(data, source=0)
print("has passed on its messages", flush=True)
"""

PROGRAMS = {
    "debugger": (["gdb", "-nx", "-batch", "-ex", "run", "-ex", "print 6*7", "--args", "/bin/true"], ["exited normally", "$1 = 42"]),
    "tracer": (["strace", "-f", "-e", "trace=execve", "sh", "-c", "/bin/true; exit 3"], ['execve("/bin/true"', "+++ exited with 3 +++"]),
    "JVM": (["java", "-Xmx64m", "-version"], ["VM (build"]),
    "V8": (["node", "-e", THREADS], ["42"]),
    "MPI": (["mpirun", "--allow-run-as-root", "--oversubscribe", "-n", "2", "python3", "messages.py"], ["has passed on its messages\nhas passed on its messages\n"]),
    "processors": (["lscpu"], ["Core(s) per socket"]),
    "a browser": (["chromium", "--version"], ["Chromium"]),
    "processes": (["python3", "pool.py"], ["from asyncio", "fork 42", "spawn 42", "forkserver 42"]),
}

# Those that print nothing of their processes' numbers.
SAME_LINES = ("MPI", "processors", "processes")


@pytest.mark.parametrize("name", PROGRAMS)
def test_program(tmp_path, name):
    command, shown = PROGRAMS[name]
    (tmp_path / "pool.py").write_text(POOL)
    (tmp_path / "messages.py").write_text(MESSAGES)
    env = {"HOME": "/home/tester", "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}
    outputs = []
    for sandbox in [], [COMMANDS / "isolate"]:
        done = subprocess.run([*sandbox, *command], cwd=tmp_path, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
        assert all(text in done.stdout for text in shown), done.stdout
        outputs.append((done.returncode, sorted(done.stdout.splitlines()) if name in SAME_LINES else ""))
    assert outputs[0] == outputs[1]
