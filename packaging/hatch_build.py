"""Builds the commands when a wheel is built, and adds what they need to a source distribution."""

import os
import pathlib
import platform
import subprocess
import sysconfig

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

# The commands are static programs, so one wheel serves glibc and musl alike. The
# glibc in its name is the oldest one that pip and Go's Linux 3.2 have in common.
MACHINES = {
    "amd64": "py3-none-manylinux_2_17_x86_64.manylinux2014_x86_64.musllinux_1_1_x86_64",
    "arm64": "py3-none-manylinux_2_17_aarch64.manylinux2014_aarch64.musllinux_1_1_aarch64",
}
HOST = {"x86_64": "amd64", "aarch64": "arm64"}
BILL = "isolate-kernel.cdx.json"  # of materials: scripts/release makes it, and a source distribution has it


class Hook(BuildHookInterface):
    """Knows the two targets by their names."""

    def initialize(self, version, build_data):
        if version == "editable":
            raise SystemExit("isolate-kernel can't be installed editable; scripts/install builds and installs the checkout")
        if self.target_name == "wheel":
            self.wheel(build_data)
        else:
            self.sdist(build_data)

    def wheel(self, build_data):
        """The commands, their man pages and completions, for the machine GOARCH, or else this one."""
        root = pathlib.Path(self.root)
        machine = os.environ.get("GOARCH") or HOST.get(platform.machine(), platform.machine())
        if machine not in MACHINES:
            raise SystemExit(f"isolate-kernel has no filter of system calls for {machine}; it supports {', '.join(MACHINES)}")
        made = f".build/wheel-{machine}"
        subprocess.run([root / "scripts/build", made], check=True, env=os.environ | {"GOARCH": machine, "PATH": path_with_go()})
        build_data["shared_scripts"] = {str(command): command.name for command in (root / made / "bin").iterdir()}
        share = root / made / "share"  # listed file by file: what git ignores isn't searched
        build_data["shared_data"] = {str(f): f"share/{f.relative_to(share)}" for f in share.rglob("*") if f.is_file()}
        build_data["pure_python"] = False
        build_data["tag"] = MACHINES[machine]
        build_data["sbom_files"] += [f for f in (BILL, f".build/{BILL}") if (root / f).exists()]

    def sdist(self, build_data):
        """The Go packages that are imported, so that no index of them is needed, and the revision."""
        root = pathlib.Path(self.root)
        vendor = root / ".build/vendor"
        go = {"cwd": root, "check": True, "env": os.environ | {"PATH": path_with_go()}}
        subprocess.run(["go", "mod", "vendor", "-o", vendor], **go)
        build_data["force_include"][str(vendor)] = "vendor"
        if not (root / "REVISION").exists():
            said = subprocess.run(["git", "describe", "--always", "--abbrev=12", "--exclude=*", "--dirty=+"], stdout=subprocess.PIPE, **go)
            (root / ".build/REVISION").write_bytes(said.stdout)
            build_data["force_include"][str(root / ".build/REVISION")] = "REVISION"
        if (root / ".build" / BILL).exists():
            build_data["force_include"][str(root / ".build" / BILL)] = BILL


def path_with_go():
    """PATH, with the Go that pip installs for the build at its head."""
    go = pathlib.Path(sysconfig.get_path("platlib")) / "go/bin"
    return f"{go}:{os.environ['PATH']}" if (go / "go").exists() else os.environ["PATH"]
