"""Real Jupyter parts for the tests, each in directories made for the test.

Everything a test starts has a HOME, a /tmp and Jupyter directories made for
it, and uses the commands in .build/bin as a person would. scripts/setup makes
what is used here; nothing is skipped when it is missing.
"""

import json
import os
import pathlib
import subprocess
import time

import pytest
from common import BUILD, ROOT, free_port
from jupyter_client.manager import KernelManager

COMMANDS = BUILD / "bin"
PYTHONS = {
    "ipykernel7": BUILD / "venv-ipykernel7/bin/python",
    "ipykernel6": BUILD / "venv-ipykernel6/bin/python",
    "debian": pathlib.Path("/usr/bin/python3"),
}

for needed in [COMMANDS / "isolate-kernel", *PYTHONS.values()]:
    if not needed.exists():
        raise SystemExit(f"{needed} is missing; run scripts/setup")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config, items):
    """Without groups each worker would make what a group's tests share, which takes minutes."""
    if config.getoption("loadgroup", False):
        apart = [item.nodeid for item in items if item.get_closest_marker("xdist_group") and "@" not in item.nodeid]
        assert not apart, f"pytest-xdist doesn't keep groups together with this pytest: {apart}"


class Jupyter:
    """One person's Jupyter: a home, a path to kernels, an environment."""

    def __init__(self, home, python, env=None):
        self.home = home
        self.python = python
        self.env = env or {
            "HOME": str(home),
            "USER": os.environ.get("USER", "tester"),
            "LANG": "C.UTF-8",
            "PATH": f"{python.parent}:/usr/bin:/bin",
            "TMPDIR": str(home / "tmp"),
            "JUPYTER_PATH": str(home / "path"),
            "IPYTHONDIR": str(home / ".ipython"),
        }
        (home / "tmp").mkdir(exist_ok=True)

    def run(self, *command, check=True, **options):
        """Runs a command as this person."""
        options.setdefault("cwd", self.home)
        env = {**self.env, **options.pop("env", {})}
        done = subprocess.run([str(c) for c in command], env=env, capture_output=True, text=True, timeout=180, **options)
        if check and done.returncode != 0:
            raise AssertionError(f"{command} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
        return done

    def install(self, *arguments, check=True, **options):
        """isolate-kernelspec install python3, with the twin in this home."""
        return self.run(
            COMMANDS / "isolate-kernelspec", "install", "python3", "--prefix", self.home / "prefix", *arguments, check=check, **options
        )

    def spec(self, name):
        return json.loads((self.home / "prefix/share/jupyter/kernels" / name / "kernel.json").read_text())

    def edit(self, name, change):
        """Changes an installed kernel.json as a person with an editor would."""
        path = self.home / "prefix/share/jupyter/kernels" / name / "kernel.json"
        spec = json.loads(path.read_text())
        change(spec)
        path.write_text(json.dumps(spec))

    def start(self, name, cwd=None, env=None, **options):
        """A running kernel, started by jupyter_client."""
        return Kernel(self, name, cwd or self.workdir(), {**self.env, **(env or {})}, **options)

    def connection_file(self):
        """A connection file as a front end would write it, with free ports."""
        ports = free_ports()
        path = self.home / "tmp/connection.json"
        path.write_text(json.dumps(dict(ports, ip="127.0.0.1", key="k", transport="tcp", signature_scheme="hmac-sha256")))
        return str(path)

    def workdir(self):
        directory = self.home / "work"
        directory.mkdir(exist_ok=True)
        return directory


class Kernel:
    """A kernel and a client of it."""

    def __init__(self, jupyter, name, cwd, env, arguments=(), pass_fds=(), **options):
        from jupyter_client.kernelspec import KernelSpecManager

        specs = KernelSpecManager(kernel_dirs=[str(jupyter.home / "prefix/share/jupyter/kernels"), *base_dirs(jupyter)])
        # A front end would choose its place by its own environment.
        self.connection_file = options.pop("connection_file", str(jupyter.home / "tmp" / f"tmp{time.monotonic_ns()}.json"))
        if options.get("transport") != "ipc":
            options = {**free_ports(), "cache_ports": False, **options}
        self.manager = KernelManager(kernel_name=name, kernel_spec_manager=specs, connection_file=self.connection_file, **options)
        self.manager.start_kernel(cwd=str(cwd), env=env, extra_arguments=list(arguments), pass_fds=pass_fds)
        self.client = self.manager.blocking_client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=60)

    @property
    def process(self):
        return self.manager.provisioner.process

    def run(self, code, timeout=30, when_ready=None):
        """What a cell prints, its result and its error's name, as text; when_ready is called when it first prints."""
        parts = []

        def collect(message):
            content = message["content"]
            kind = message["msg_type"]
            if kind == "stream":
                if when_ready and not parts:
                    when_ready()
                parts.append(content["text"])
            elif kind == "execute_result":
                parts.append(content["data"]["text/plain"])
            elif kind == "error":
                parts.append(content["ename"] + ": " + content["evalue"])

        # An error in one cell must not cancel the next, as it does when a front
        # end has several queued.
        reply = self.client.execute_interactive(code, timeout=timeout, output_hook=collect, allow_stdin=False, stop_on_error=False)
        self.status = reply["content"]["status"]
        return "".join(parts).strip()

    def stop(self):
        self.client.stop_channels()
        if self.manager.has_kernel:
            self.manager.shutdown_kernel(now=True)


def free_ports():
    """A free port for each channel of a kernel."""
    names = ("shell_port", "iopub_port", "stdin_port", "control_port", "hb_port")
    ports = set()
    while len(ports) < len(names):
        ports.add(free_port())
    return dict(zip(names, ports))


def base_dirs(jupyter):
    """Where the interpreter's own kernels are."""
    return [str(jupyter.python.parent.parent / "share/jupyter/kernels"), "/usr/local/share/jupyter/kernels", "/usr/share/jupyter/kernels"]


@pytest.fixture(params=["ipykernel7", "ipykernel6", "debian"])
def python(request):
    """Each interpreter that has an ipykernel."""
    return PYTHONS[request.param]


def fresh_home(tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    return home.resolve()


@pytest.fixture
def jupyter(tmp_path):
    """A person with the current ipykernel and an isolated twin of it."""
    person = Jupyter(fresh_home(tmp_path), PYTHONS["ipykernel7"])
    person.install()
    return person


@pytest.fixture
def each_jupyter(tmp_path, python):
    """The same for each interpreter."""
    person = Jupyter(fresh_home(tmp_path), python)
    person.install()
    return person


@pytest.fixture
def kernels():
    """Stops what a test appends to it."""
    started = []
    yield started
    for kernel in started:
        kernel.stop()


@pytest.fixture(scope="session")
def binary():
    """The attacker: compiled already where an ordinary user tests."""
    source = "isolate/internal/attack/attacker"
    compiled = ROOT / source / "attacker"
    if compiled.exists():
        return compiled
    built = BUILD / "attacker"
    env = {**os.environ, "PATH": os.environ["PATH"] + ":/usr/local/go/bin", "CGO_ENABLED": "0"}
    subprocess.run(["go", "build", "-o", built, f"./{source}"], cwd=ROOT, env=env, check=True)
    return built
