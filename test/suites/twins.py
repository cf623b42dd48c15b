"""Puts the isolated twin of a kernel in the place of each kernel that a suite starts,
or isolate's provisioner, which SUITES_PROVISIONER says where to find, in the place of
jupyter_client's local one.

scripts/test-suites has every interpreter of its environment import this, by a .pth
file, while SUITES_TWINS names a directory. The twin is the one that
isolate-kernelspec installs for the same kernel.json, and the kernel is a real one
in its sandbox. A kernel of which there can be no twin, since its program doesn't
exist for example, stays as it is.
"""

import hashlib
import importlib.abc
import importlib.util
import json
import os
import pathlib
import shlex
import subprocess
import sys

DIRECTORY = pathlib.Path(os.environ["SUITES_TWINS"])
COMMANDS = os.environ["SUITES_COMMANDS"]
OPTIONS = shlex.split(os.environ.get("SUITES_OPTIONS", ""))  # of the twins


def twin_of(name, spec):
    """The kernel.json of the twin, as a dictionary, or None."""
    text = json.dumps(spec.to_dict(), sort_keys=True)
    place = DIRECTORY / hashlib.sha256(f"{name} {text}".encode()).hexdigest()[:16]
    kernels = "share/jupyter/kernels"
    path = place / "twin" / kernels / "twin/kernel.json"
    if not (place / "done").exists():
        base = place / "base" / kernels / name
        base.mkdir(parents=True, exist_ok=True)
        (base / "kernel.json").write_text(text)
        env = {**os.environ, "JUPYTER_PATH": str(place / "base/share/jupyter")}
        env.pop("SUITES_TWINS")  # isolate-kernelspec starts Python
        command = [f"{COMMANDS}/isolate-kernelspec", "install", name, "--name=twin", f"--prefix={place / 'twin'}", *OPTIONS]
        installed = subprocess.run(command, env=env, capture_output=True, text=True)
        (place / "done").write_text(installed.stdout + installed.stderr)
    return json.loads(path.read_text()) if path.exists() else None


def start_twins(manager):
    """Has each KernelManager start the twin of its kernel."""
    from jupyter_client.kernelspec import KernelSpec

    plain = manager.KernelManager.kernel_spec

    def kernel_spec(self):
        known, spec = self._kernel_spec, plain.__get__(self)
        if spec is not None and spec is not known and (twin := twin_of(self.kernel_name, spec)):
            spec = self._kernel_spec = KernelSpec(resource_dir=spec.resource_dir, **twin)
        return spec

    manager.KernelManager.kernel_spec = property(kernel_spec)


def start_with_provisioner(provisioning):
    """Has isolate's provisioner stand for the local one, also as the base of those that a suite makes."""
    sys.path.append(os.environ["SUITES_PROVISIONER"])
    os.environ["PATH"] = f"{COMMANDS}:{os.environ['PATH']}"
    from isolate_kernel.provisioner import IsolateProvisioner

    provisioning.LocalProvisioner = IsolateProvisioner


def keep_connection_files(multikernelmanager):
    """Has each MultiKernelManager keep connection files where docs/jupyter.md says, out of the working directory."""
    from jupyter_core.paths import jupyter_runtime_dir

    initialize = multikernelmanager.MultiKernelManager.__init__

    def __init__(self, *args, **kwargs):
        directory = jupyter_runtime_dir()
        os.makedirs(directory, exist_ok=True)
        initialize(self, *args, **{"connection_dir": directory, **kwargs})

    multikernelmanager.MultiKernelManager.__init__ = __init__


class Hook(importlib.abc.MetaPathFinder):
    """Changes modules when they are imported."""

    changes = {"jupyter_client.multikernelmanager": keep_connection_files} | (
        {"jupyter_client.provisioning": start_with_provisioner} if "SUITES_PROVISIONER" in os.environ else {"jupyter_client.manager": start_twins}
    )

    def find_spec(self, name, path, target=None):
        change = self.changes.pop(name, None)
        if change is None:
            return None
        spec = importlib.util.find_spec(name)
        execute = spec.loader.exec_module

        def exec_module(module):
            execute(module)
            change(module)

        spec.loader.exec_module = exec_module
        return spec


def note(event, arguments):
    """Keeps which kernels are started isolated, and which aren't."""
    if event == "subprocess.Popen" and isinstance(arguments[1], list | tuple):
        argv = [os.fsdecode(a) for a in arguments[1]]
        if os.path.basename(argv[0]) == "isolate-kernel":
            kind = "isolated"
        elif "ipykernel_launcher" in argv:
            kind = "plain"
        else:
            return
        with open(DIRECTORY / "started", "a") as file:
            file.write(f"{kind}\t{shlex.join(argv)}\n")


sys.meta_path.insert(0, Hook())
sys.addaudithook(note)
