"""Starts any kernelspec isolated, without a twin, where Jupyter takes its kernels from jupyter_client."""

import json
import os
import shutil
import subprocess
import sysconfig

from jupyter_client.provisioning import LocalProvisioner
from traitlets import List, Unicode


class IsolateProvisioner(LocalProvisioner):
    """A kernel of this machine, in a sandbox.

    isolate-kernelspec says what the kernel needs to see, as it does for a twin. If it
    can't, the kernel doesn't start.
    """

    spec_options = List(
        Unicode(), config=True, help="Options of isolate-kernel, as in a twin's kernel.json: ['--memory', '2G', '--mount', 'ro:/srv/data']."
    )

    async def pre_launch(self, **kwargs):
        """What the local provisioner would start, behind isolate-kernel."""
        kwargs = await super().pre_launch(**kwargs)
        command = kwargs["cmd"]
        connection_file = self.parent.connection_file if self.parent else ""  # which has its name only now
        if is_twin(command, self.kernel_spec):
            return kwargs

        spec = self.kernel_spec.to_dict()
        spec |= {
            # Without what chose this class, maybe by another name: a subclass has its own.
            "metadata": {key: value for key, value in spec["metadata"].items() if key != "kernel_provisioner"},
            "argv": [part.replace(connection_file, "{connection_file}") if connection_file else part for part in command],
        }
        name = self.parent.kernel_name if self.parent else ""
        request = {"spec": spec, "name": name, "dir": self.kernel_spec.resource_dir, "options": self.spec_options}
        start = wrap(request, kwargs["env"])
        for note in start["notes"]:
            self.log.info("isolate: %s", note)
        kwargs["cmd"] = [part.replace("{connection_file}", connection_file) for part in start["argv"]]
        kwargs["env"] = {**kwargs["env"], **start["env"]}
        return kwargs


def is_twin(command, spec):
    """Whether a command isolates its kernel itself."""
    return "isolate" in spec.metadata and os.path.basename(command[0]) == "isolate-kernel"


def wrap(request, env):
    """How to start a kernel isolated."""
    program = tool()
    done = subprocess.run([program, "wrap"], input=json.dumps(request), env=env, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip() or f"{program} wrap ended with {done.returncode}")
    return json.loads(done.stdout)


def tool():
    """isolate-kernelspec of this environment, or else of PATH."""
    own = os.path.join(sysconfig.get_path("scripts"), "isolate-kernelspec")
    found = own if os.access(own, os.X_OK) else shutil.which("isolate-kernelspec")
    if not found:
        raise RuntimeError("isolate-kernelspec is not installed; pip install isolate-kernel in this environment")
    return found
