"""What scripts/release makes, installed, used and removed as people do."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile

import pytest
from common import BUILD, ROOT

pytestmark = [pytest.mark.once, pytest.mark.xdist_group("package")]
NAMES = {"isolate", "isolate-kernel", "isolate-kernelspec", "isolate-network"}
VERSION = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)[1]


def run(*command, **options):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=600, **options)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


def released(directory):
    """The files of a release of this tree, committed in a repository of its own."""
    tree = directory / "isolate"
    (tree / ".build").mkdir(parents=True)
    listed = run("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", cwd=ROOT)
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).exists():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, tree / name, follow_symlinks=False)
    os.symlink(BUILD / "venv-release", tree / ".build/venv-release")
    date = {"GIT_AUTHOR_DATE": "2026-01-01T00:00:00Z", "GIT_COMMITTER_DATE": "2026-01-01T00:00:00Z"}
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org"]
    for arguments in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "a tree"]):
        run(*git, *arguments, cwd=tree, env=os.environ | date)
    run(tree / "scripts/release", VERSION)
    return tree / ".build/release"


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    return released(tmp_path_factory.mktemp("release"))


@pytest.fixture(scope="module")
def wheel(release):
    return next(release.glob("*x86_64*.whl"))


def test_the_same_bytes_in_another_directory(release, tmp_path):
    sums = (release / "SHA256SUMS").read_text()
    assert (released(tmp_path) / "SHA256SUMS").read_text() == sums
    files = {p.name for p in release.iterdir()} - {"SHA256SUMS"}
    assert files == {line.split("  ")[1] for line in sums.splitlines()} and len(files) == 11
    for line in sums.splitlines():
        digest, name = line.split("  ")
        assert hashlib.sha256((release / name).read_bytes()).hexdigest() == digest


def test_versions_are_checked(tmp_path):
    done = subprocess.run([ROOT / "scripts/release", "0.0.1"], capture_output=True, text=True)
    assert done.returncode == 2 and f"newest version is {VERSION}, not '0.0.1'" in done.stderr


@pytest.mark.parametrize("machine", ["riscv64", "ppc64le"])
def test_machines_without_a_filter_are_refused(tmp_path, machine):
    done = subprocess.run([ROOT / "scripts/build", tmp_path], env=os.environ | {"GOARCH": machine}, capture_output=True, text=True)
    assert done.returncode == 2 and done.stderr == f"build: isolate has no filter of system calls for {machine}; build it for amd64 or arm64\n"
    assert not list(tmp_path.iterdir())


def test_wheel(wheel):
    assert re.fullmatch(r"isolate_kernel-[\d.]+-py3-none-manylinux_2_17_x86_64\.manylinux2014_x86_64\.musllinux_1_1_x86_64\.whl", wheel.name)
    names = zipfile.ZipFile(wheel).namelist()
    data = f"isolate_kernel-{VERSION}.data"
    assert {n.rsplit("/", 1)[1] for n in names if n.startswith(f"{data}/scripts/")} == NAMES
    for page in NAMES:
        assert f"{data}/data/share/man/man1/{page}.1" in names
        assert f"{data}/data/share/bash-completion/completions/{page}" in names
    assert f"{data}/data/share/isolate-kernel/autograde.py" in names
    assert f"isolate_kernel-{VERSION}.dist-info/sboms/isolate-kernel.cdx.json" in names


def test_installed_upgraded_and_removed(jupyter, wheel, tmp_path):
    """A twin goes on after an upgrade, and list says so when the commands are gone."""
    environment = tmp_path / "environment"
    run(sys.executable, "-m", "venv", environment)
    pip = [environment / "bin/python", "-m", "pip", "--disable-pip-version-check"]
    run(*pip, "install", "--no-index", wheel)
    before = files(environment)
    assert run(environment / "bin/isolate", "--version").startswith(f"isolate {VERSION} (revision ")
    jupyter.env["JUPYTER_PATH"] = str(jupyter.home / "prefix/share/jupyter")
    kernelspec = environment / "bin/isolate-kernelspec"
    jupyter.run(kernelspec, "install", "python3", "--prefix", jupyter.home / "prefix")
    assert jupyter.spec("python3-isolated")["argv"][0] == str(environment / "bin/isolate-kernel")
    kernel = jupyter.start("python3-isolated")
    try:
        assert kernel.run("import os; os.path.exists('/root')") == "False"
        run(*pip, "install", "--no-index", "--force-reinstall", wheel)
        assert kernel.run("6 * 7") == "42"
    finally:
        kernel.stop()
    assert files(environment) == before
    assert " ok" in jupyter.run(kernelspec, "list").stdout

    shutil.copy(kernelspec, tmp_path / "isolate-kernelspec")
    run(*pip, "uninstall", "-y", "isolate-kernel")
    assert "launcher gone" in jupyter.run(tmp_path / "isolate-kernelspec", "list", check=False).stdout
    assert not [p for p in files(environment) if "isolate" in p]


def files(environment):
    return {str(p.relative_to(environment)) for p in environment.rglob("*") if "__pycache__" not in str(p)}


def test_source_distribution(release):
    """It holds every module, so that it builds without an index of them, and no test."""
    with tarfile.open(release / f"isolate_kernel-{VERSION}.tar.gz") as archive:
        names = [n.partition("/")[2] for n in archive.getnames()]
    assert {"vendor/modules.txt", "REVISION", "CHANGELOG.md", "scripts/build", "isolate-kernel.cdx.json"} <= set(names)
    assert not [n for n in names if n.endswith("_test.go") and not n.startswith("vendor/")]


def test_archive(release, tmp_path):
    run("tar", "--extract", "--file", release / f"isolate-kernel-{VERSION}-linux-amd64.tar.gz", cwd=tmp_path)
    top = tmp_path / f"isolate-kernel-{VERSION}-linux-amd64"
    assert {p.name for p in (top / "bin").iterdir()} == NAMES
    assert run(top / "bin/isolate-kernel", "--version").startswith(f"isolate-kernel {VERSION} ")


@pytest.mark.parametrize("machine", ["amd64", "arm64"])
def test_deb(release, machine):
    deb = release / f"isolate-kernel_{VERSION}_{machine}.deb"
    listed = run("dpkg-deb", "--contents", deb)
    for name in NAMES:
        assert f"./usr/bin/{name}\n" in listed and f"./usr/share/man/man1/{name}.1.gz\n" in listed
        assert f"./usr/share/zsh/vendor-completions/_{name}\n" in listed
    assert "./usr/share/isolate-kernel/autograde.py\n" in listed
    assert run("lintian", "--allow-root", "--fail-on", "error,warning", deb) == ""


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_rpm_and_apk(release, machine):
    rpm = run("rpm", "--query", "--list", "--package", release / f"isolate-kernel-{VERSION}-1.{machine}.rpm").splitlines()
    with tarfile.open(release / f"isolate-kernel_{VERSION}_{machine}.apk") as archive:
        apk = ["/" + n for n in archive.getnames()]
    for files in (rpm, apk):
        assert "/usr/share/isolate-kernel/autograde.py" in files
        for name in NAMES:
            assert {f"/usr/bin/{name}", f"/usr/share/man/man1/{name}.1.gz", f"/usr/share/zsh/site-functions/_{name}"} <= set(files)


@pytest.mark.parametrize("abi", [True, False], ids=["with abi/4.0", "without"])
def test_apparmor_profile_only_where_it_can_be_read(wheel, tmp_path, abi):
    """On Debian 12 it would make apparmor.service fail at each boot."""
    place = tmp_path / "apparmor.d"
    (place / "abi").mkdir(parents=True)
    if abi:
        (place / "abi/4.0").touch()
    bin = tmp_path / "bin"
    bin.mkdir()
    with zipfile.ZipFile(wheel) as archive:
        for name in NAMES:
            (bin / name).write_bytes(archive.read(f"isolate_kernel-{VERSION}.data/scripts/{name}"))
            (bin / name).chmod(0o755)
    for script, argument in (("install", "configure"), ("remove", "upgrade")):
        maintain(script, argument, place, bin)
        profile = place / "isolate-kernel"
        assert profile.exists() == abi
        assert not abi or "profile isolate " in profile.read_text()
    maintain("remove", "remove", place, bin)
    assert not profile.exists()


def maintain(script, argument, place, bin):
    """Runs a package's script with another directory in place of /etc/apparmor.d, on a system without AppArmor."""
    text = (ROOT / "packaging/apparmor" / script).read_text()
    text = text.replace("/etc/apparmor.d", str(place)).replace("/sys/kernel/security/apparmor", str(place / "none"))
    run("sh", "-c", text, script, argument, env={"PATH": f"{bin}:/usr/bin:/bin"})
