"""A notebook prints the same in a plain kernel and in an isolated one.

Each cell uses something of the system that a sandbox could have taken away.
What goes to stderr counts: a warning in a test cell costs a student points.
"""

import pathlib
import re
import tempfile

import pytest

# The cells share one pair of kernels.
pytestmark = pytest.mark.xdist_group("same output")

CELLS = {
    "arrays": """
import numpy as np
a = np.arange(90000.0).reshape(300, 300)
print((a @ a.T).sum(), np.linalg.matrix_rank(a), np.fft.fft(a[0])[1].round(3))
""",
    "tables": """
import pandas as pd
d = pd.DataFrame({"who": list("abab"), "n": range(4)})
d.to_csv("table.csv", index=False)
print(pd.read_csv("table.csv").groupby("who").n.sum().to_dict())
""",
    "models": """
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import GridSearchCV
x, y = load_iris(return_X_y=True)
g = GridSearchCV(RandomForestClassifier(10, random_state=0), {"max_depth": [2, 3]}, n_jobs=2, cv=2).fit(x, y)
print(round(g.best_score_, 3))
""",
    "clusters": """
import numpy as np
from sklearn.cluster import KMeans
from sklearn.neighbors import KNeighborsClassifier
x = np.random.default_rng(0).normal(size=(60, 2))
print(round(KMeans(3, n_init=1, random_state=0).fit(x).inertia_, 3), KNeighborsClassifier(3).fit(x, x[:, 0] > 0).predict(x[:2]))
""",
    "boosting": """
import numpy as np
from sklearn.ensemble import HistGradientBoostingRegressor
x = np.random.default_rng(0).normal(size=(100, 3))
print(HistGradientBoostingRegressor(max_iter=5, random_state=0).fit(x, x[:, 0]).predict(x[:1]).round(3))
""",
    "parallel jobs": """
import joblib, math, os
print(joblib.Parallel(n_jobs=2)(joblib.delayed(math.factorial)(n) for n in range(5)))
print(joblib.Parallel(n_jobs=2, backend="threading")(joblib.delayed(math.sqrt)(n) for n in (4, 9)))
print(joblib.cpu_count(), joblib.cpu_count(only_physical_cores=True), os.cpu_count())
""",
    "optimization": """
import numpy as np, scipy.optimize, scipy.sparse.linalg, scipy.stats, scipy.integrate
print(scipy.optimize.minimize(lambda x: (x - 3) ** 2, 0).x.round(4), scipy.stats.ttest_1samp([1, 2, 3.5], 2).pvalue.round(6))
print(scipy.sparse.linalg.spsolve(scipy.sparse.eye(3, format="csc") * 2, np.ones(3)), round(scipy.integrate.quad(np.sin, 0, 1)[0], 6))
""",
    "regression": """
import numpy as np, statsmodels.api as sm
x = np.arange(10.0)
print(sm.OLS(2 * x + np.sin(x), sm.add_constant(x)).fit().params.round(4))
""",
    "algebra": """
import sympy
x = sympy.symbols("x")
print(sympy.solve(x**2 - 2), sympy.integrate(sympy.exp(-x**2), (x, -sympy.oo, sympy.oo)), sympy.latex(x**2))
""",
    "statistical figures": """
import io, pandas as pd, seaborn as sns, matplotlib.pyplot as plt
d = pd.DataFrame({"a": [1, 2, 3, 4], "b": [2, 1, 4, 3], "c": list("xyxy")})
sns.set_theme(); sns.scatterplot(d, x="a", y="b", hue="c"); d.plot(x="a", y="b"); b = io.BytesIO(); plt.savefig(b); plt.close("all")
print(len(b.getvalue()) > 1000)
""",
    "processors": "!lscpu | grep -E '^(CPU\\(s\\)|Core|Thread|Socket|NUMA)'\n!nproc",
    "figures": """
import io, matplotlib.pyplot as plt
f, b = plt.figure(), io.BytesIO()
plt.plot([1, 2, 4]); plt.title("squares $x^2$"); f.savefig(b); plt.close()
print(b.getvalue()[:4])
""",
    "process pool": """
import concurrent.futures, multiprocessing as mp
def square(x): return x * x
with mp.get_context("fork").Pool(3) as p: print(p.map(square, range(5)))
with concurrent.futures.ThreadPoolExecutor(4) as p: print(list(p.map(square, range(5))))
""",
    "managers and queues": """
import multiprocessing as mp
def fill(shared, queue): shared["x"] = 1; queue.put("done")
c = mp.get_context("fork")
with c.Manager() as m:
    shared, queue = m.dict(), c.Queue()
    p = c.Process(target=fill, args=(shared, queue)); p.start(); print(queue.get(timeout=20)); p.join(); print(dict(shared), p.exitcode)
""",
    "shared memory": """
from multiprocessing import shared_memory
import numpy as np
s = shared_memory.SharedMemory(create=True, size=800)
np.ndarray(100, buffer=s.buf)[:] = 2
t = shared_memory.SharedMemory(s.name); print(np.ndarray(100, buffer=t.buf).sum()); t.close(); s.close(); s.unlink()
""",
    "asyncio": """
import asyncio
async def echo(r, w): w.write(await r.readline()); await w.drain(); w.close()
server = await asyncio.start_server(echo, "127.0.0.1", 0)
r, w = await asyncio.open_connection(*server.sockets[0].getsockname())
w.write(b"hello\\n"); print(await r.readline()); w.close(); server.close()
p = await asyncio.create_subprocess_exec("sort", stdin=-1, stdout=-1)
print((await p.communicate(b"b\\na\\n"))[0])
""",
    "subprocess": """
import subprocess, sys
print(subprocess.run(["tr", "a-z", "A-Z"], input="text", text=True, capture_output=True).stdout)
print(subprocess.run([sys.executable, "-c", "import os; print(os.getcwd() == %r)" % __import__("os").getcwd()], capture_output=True, text=True).stdout)
""",
    "shell": "!echo one; echo two >&2\nfiles = !ls -d /usr /tmp\nprint(files)",
    "bash": "%%bash\nset -e\ncd $(mktemp -d); mkfifo f; (echo through > f &); cat f; ln -s f l; readlink l",
    "temporary files": """
import tempfile, os, shutil
with tempfile.TemporaryDirectory() as d:
    os.mkdir(d + "/a"); open(d + "/a/b", "w").write("x"); os.symlink("a", d + "/l"); os.link(d + "/a/b", d + "/c")
    shutil.copytree(d + "/a", d + "/e"); os.rename(d + "/e", d + "/a/e"); print(sorted(os.listdir(d)), os.listdir(d + "/a/e"))
""",
    "files beside the notebook": """
import os, shutil, sqlite3, zipfile
os.makedirs("data/sub", exist_ok=True); open("data/sub/x", "w").write("x")
shutil.copytree("data", "copy", dirs_exist_ok=True); os.replace("copy/sub/x", "copy/x"); os.chmod("copy/x", 0o755)
with sqlite3.connect("own.db") as c: c.execute("create table if not exists t (n)"); c.execute("insert into t values (1)")
with zipfile.ZipFile("z.zip", "w") as z: z.write("copy/x")
print(zipfile.ZipFile("z.zip").namelist(), oct(os.stat("copy/x").st_mode), os.access("own.db", os.W_OK))
""",
    "signals and clocks": """
import signal, time, threading
got = []
signal.signal(signal.SIGALRM, lambda *a: got.append(1)); signal.setitimer(signal.ITIMER_REAL, 0.05); time.sleep(0.2)
print(got, threading.active_count() > 0, time.clock_gettime(time.CLOCK_MONOTONIC) > 0)
""",
    "low level": """
import ctypes, mmap, os, select, socket, resource
a, b = socket.socketpair(); a.send(b"x"); e = select.epoll(); e.register(b, select.EPOLLIN); print(len(e.poll(5)))
m = mmap.mmap(-1, 4096, prot=7); m[:1] = b"x"; print(m[:1], ctypes.CDLL(None).getpid() == os.getpid())
fd = os.memfd_create("m"); os.write(fd, b"12"); print(os.fstat(fd).st_size, os.sched_getaffinity(0) != set())
print(resource.getrlimit(resource.RLIMIT_NOFILE)[0] > 100, os.umask(0o22) == 0o22, os.nice(0))
""",
    "errors": "try:\n    open('/no/such/file')\nexcept OSError as e:\n    print(e)",
}


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """A plain kernel and an isolated one."""
    from conftest import PYTHONS, Jupyter, fresh_home

    jupyter = Jupyter(fresh_home(tmp_path_factory.mktemp("same")), PYTHONS["ipykernel7"])
    jupyter.install()
    kernels = []
    for name in "python3", "python3-isolated":
        directory = jupyter.home / name
        directory.mkdir()
        kernels.append(jupyter.start(name, cwd=directory))
    yield kernels
    for kernel in kernels:
        kernel.stop()


@pytest.mark.parametrize("cell", CELLS)
def test_same_output(pair, cell):
    plain, isolated = (kernel.run(CELLS[cell], 120) for kernel in pair)
    assert plain and "Error" not in plain
    assert isolated == plain


SCRATCH = """
import joblib, multiprocessing as mp, numpy as np, os, sqlite3, subprocess, sys, tempfile
print(tempfile.gettempdir(), os.environ["TMPDIR"], subprocess.run(["mktemp", "-u"], capture_output=True, text=True).stdout[:9])
disk = os.stat("/tmp").st_dev
assert disk == os.stat(".").st_dev != os.stat("/var/tmp").st_dev  # the control: elsewhere is memory
with tempfile.TemporaryDirectory() as d:
    open(d + "/a", "w").write("x"); os.symlink("a", d + "/l"); os.link(d + "/a", d + "/h"); os.mkfifo(d + "/f")
    print(open(d + "/l").read(), sorted(os.listdir(d)))
with sqlite3.connect(tempfile.gettempdir() + "/own.db") as c:
    c.execute("pragma journal_mode=wal"); c.execute("create table t (n)"); c.execute("insert into t values (7)")
    print(c.execute("select * from t").fetchall(), sorted(f for f in os.listdir("/tmp") if f.startswith("own.db")))
def where(a): return type(a).__name__, os.stat(a.filename).st_dev == disk
print(set(joblib.Parallel(n_jobs=2)(joblib.delayed(where)(np.ones(300000)) for _ in range(2))))
with mp.get_context("fork").Manager() as m: print(m.list([1, 2]))
subprocess.run([sys.executable, "-m", "venv", "--without-pip", "/tmp/v"], check=True)
print(os.path.islink("/tmp/v/bin/python"))
"""


@pytest.fixture
def outside_tmp():
    """A directory that isn't in /tmp."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as directory:
        yield pathlib.Path(directory)


def test_disk_for_temporary_files(outside_tmp):
    """A directory mounted at /tmp takes what programs put there, links and sockets too, in place of memory."""
    from conftest import PYTHONS, Jupyter, fresh_home

    disk = outside_tmp / "disk"
    disk.mkdir()
    jupyter = Jupyter(fresh_home(outside_tmp), PYTHONS["ipykernel7"])
    jupyter.install("--mount", f"/tmp={disk}", "--env", "JOBLIB_TEMP_FOLDER=/tmp")
    kernel = jupyter.start("python3-isolated")
    assert kernel.run(SCRATCH, 60).splitlines() == [
        "/tmp /tmp /tmp/tmp.", "x ['a', 'f', 'h', 'l']", "[(7,)] ['own.db', 'own.db-shm', 'own.db-wal']", "{('memmap', True)}", "[1, 2]", "True",
    ]
    kernel.stop()
    assert {"own.db", "v"} <= {path.name for path in disk.iterdir()}


def test_debugger(pair):
    """%debug asks, and answers."""
    said = []
    for kernel in pair:
        kernel.run("def f(x):\n    return 1 / x\nf(0)")
        text, answers = [], iter(["p x", "u", "q"])

        def output(message):
            if message["msg_type"] == "stream":
                text.append(message["content"]["text"])

        client = kernel.client
        client.execute_interactive("%debug", timeout=30, allow_stdin=True, output_hook=output, stdin_hook=lambda message: client.input(next(answers)))
        # A cell's file is named after the kernel's process, in its TMPDIR.
        said.append(re.sub(r"/\S*/ipykernel_\d+/", "/", "".join(text)))
    assert "0" in said[0].splitlines()
    assert said[1] == said[0]
