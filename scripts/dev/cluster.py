"""What scripts/test-cluster runs: cluster.py STUDENTS."""

import contextlib
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "test"))

import course  # noqa: E402
from database import BIN, Database  # noqa: E402
from slurm import Slurm  # noqa: E402

ISOLATED = "--ExecutePreprocessor.kernel_name=python3-isolated"
PYTHON = ROOT / ".build/venv-cluster/bin/python"
SCRIPT = ROOT / "share/slurm/autograde.py"
NODES = 2
# It starts nbgrader for each student, so more of them would only take longer.
XARGS, XARGS_SHARE = "`xargs -P 2`, isolated, every fourth", 4
# By the student's number: of forty, one loops for ever, one is hostile, one ends its
# task, nine are wrong and the others right.
KINDS = ["endless", "hostile", "killer", *["wrong"] * 9]


def main():
    students = int(sys.argv[1])
    with contextlib.ExitStack() as stack:
        place = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="isolate-cluster-", dir="/var/tmp")))
        slurm, database = stack.enter_context(Slurm(NODES)), stack.enter_context(Database())
        env = {"HOME": str(place), "PATH": f"{ROOT}/.build/bin:{PYTHON.parent}:/usr/bin:/bin", "LANG": "C.UTF-8", **slurm.env}
        made = make(place / "made", students, env, [slurm.port, database.port])
        print(f"{students} students, {NODES} nodes, {os.cpu_count()} processors of one machine\n", flush=True)
        print("| graded by | seconds | submissions in a minute |\n| --- | --- | --- |", flush=True)
        found = {}
        for name, grade in ways(database).items():
            directory = place / "course"
            shutil.copytree(made, directory)
            began = time.monotonic()
            found[name] = grade(directory, env)
            took = time.monotonic() - began
            print(f"| {name} | {took:.0f} | {len(found[name]) / took * 60:.0f} |", flush=True)
            shutil.rmtree(directory)
    return compare(found)


def make(directory, students, env, ports):
    directory.mkdir()
    course.make(directory)
    run(["isolate-kernelspec", "install", "python3", "--user"], directory, env)
    run(["nbgrader", "generate_assignment", "ps1"], directory, env)
    for number in range(students):
        kind = dict(enumerate(KINDS)).get(number % 40, "right")
        course.submit(directory, f"{kind}-{number:05}", course.KINDS[kind].replace("PORTS", str(ports)))
    return directory


def run(command, directory, env):
    done = subprocess.run([str(c) for c in command], cwd=directory, env=env, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{command} ended with {done.returncode}:\n{done.stdout}{done.stderr}")


def ways(database):
    """How to grade a course; each function returns the scores."""
    autograde = ["nbgrader", "autograde", "ps1"]
    shared = SCRIPT.read_text().replace("self.merged = ", "self.merged = False and ")
    return {
        # Plain, the killers would end nbgrader, and the hostile ones spoil the others' submissions.
        "one nbgrader, plain": lambda d, env: in_sqlite(d, env, [*autograde, "--CourseDirectory.student_id_exclude=" + dangerous(d)]),
        "one nbgrader, isolated": lambda d, env: in_sqlite(d, env, [*autograde, ISOLATED]),
        XARGS: lambda d, env: in_sqlite(
            d, env, ["sh", "-c", f"ls submitted | awk 'NR % {XARGS_SHARE} == 1' | xargs -P 2 -I STUDENT nbgrader autograde ps1 --student=STUDENT {ISOLATED}"]
        ),
        "array, SQLite merged at the end": lambda d, env: in_sqlite(d, env, [PYTHON, SCRIPT, "ps1"]),
        "array, PostgreSQL": lambda d, env: in_postgres(d, env, database),
        "array, one SQLite file for all tasks": lambda d, env: in_sqlite(d, env, [PYTHON, written(d / "shared.py", shared), "ps1"]),
    }


def dangerous(directory):
    return ",".join(p.name for p in (directory / "submitted").iterdir() if p.name.startswith(("killer", "hostile")))


def written(path, text):
    path.write_text(text)
    return path


def in_sqlite(directory, env, command):
    run(command, directory, env)
    return course.scores(directory / "gradebook.db")


def in_postgres(directory, env, database):
    url = f"postgresql://{database.user}@localhost:{database.port}/postgres"
    with open(directory / "nbgrader_config.py", "a") as config:
        config.write(f"c.CourseDirectory.db_url = {url!r}\n")
    run(["nbgrader", "generate_assignment", "ps1", "--force"], directory, env)
    run([PYTHON, SCRIPT, "ps1"], directory, env)
    rows = subprocess.run([BIN / "psql", "-At", "-F", " ", "-c", course.POINTS, url], capture_output=True, text=True, check=True).stdout
    return {line.split()[0]: float(line.split()[1]) for line in rows.splitlines()}


def compare(found):
    """Says where a way differs from plain grading; those that plain grading leaves out are as right as most."""
    plain = found.pop("one nbgrader, plain")
    status = 0
    for name, scores in found.items():
        wrong = {s for s in scores if scores[s] != plain.get(s, 2)}
        if wrong or name != XARGS and len(scores) != len(found["one nbgrader, isolated"]):
            print(f"{name}: other scores for {sorted(wrong)}, {len(scores)} in all")
            status = 1
    print("" if status else "\nAll give the same scores.")
    return status


if __name__ == "__main__":
    sys.exit(main())
