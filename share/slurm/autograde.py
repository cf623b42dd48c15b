"""Grades an nbgrader assignment in isolated kernels, as a job array of Slurm's.

In the course's directory, on a login node, with the Python that has nbgrader:

    python autograde.py ps1
    python autograde.py ps1 -- --partition=teaching --time=30 --mem=3G

It submits an array, waits for it, and says what was graded, what failed and why,
and who handed in nothing. Interrupt it as you like: the array goes on, and the same
command waits for it again. Once the array has ended, the same command grades only
what is not graded. It keeps what it knows in slurm/ASSIGNMENT of the course.

Exit status: 0 if every submission is graded, 1 if some are not, 2 if nothing could
be submitted.
"""

import argparse
import contextlib
import fcntl
import glob
import json
import logging
import multiprocessing
import os
import pathlib
import re
import shlex
import sqlite3
import stat
import subprocess
import sys
import tempfile
import time
import warnings

try:
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel
    from nbgrader.api import Gradebook, MissingEntry
    from nbgrader.apps.baseapp import NbGrader
    from nbgrader.converters import Autograde
    from nbgrader.coursedir import CourseDirectory
    from nbgrader.preprocessors import Execute
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import SAWarning
except ModuleNotFoundError as missing:
    print(f"autograde.py: {sys.executable} has no {missing.name}; start this with the Python that has nbgrader", file=sys.stderr)
    sys.exit(2)

GRADED = ("graded", "merged")  # merged: and written into the one gradebook


class Refused(Exception):
    """Why nothing can be submitted or graded, and what to do."""


class Course:
    """An assignment of the course in this directory, as nbgrader_config.py describes it."""

    def __init__(self, assignment):
        self.app = NbGrader()
        self.app.initialize([])
        self.app.log_level = logging.WARNING
        self.directory = CourseDirectory(parent=self.app)
        self.directory.assignment_id = self.assignment = assignment
        if self.directory.groupshared:
            os.umask(0o002)
        # SQLite's locks don't hold on every network's disk: no two nodes write one file.
        self.merged = make_url(self.directory.db_url).get_backend_name() == "sqlite"
        self.state = pathlib.Path(self.directory.root) / "slurm" / assignment

    def gradebook(self):
        return Gradebook(self.directory.db_url, self.directory.course_id)

    def kernel(self):
        """The isolated kernel that nbgrader is to use."""
        name = Execute(parent=self.app).kernel_name or "python3-isolated"
        try:
            program = KernelSpecManager().get_kernel_spec(name).argv[0]
        except NoSuchKernel:
            raise Refused(f"there is no kernel {name} here; isolate-kernelspec install python3") from None
        if pathlib.Path(program).name != "isolate-kernel":
            raise Refused(f"the kernel {name} is not isolated; in nbgrader_config.py set c.ExecutePreprocessor.kernel_name to one that is")
        return name

    def submitted(self):
        """Who handed in."""
        place = self.directory.format_path(self.directory.submitted_directory, "(?P<student>.*)", self.assignment, escape=True)
        found = glob.glob(self.directory.format_path(self.directory.submitted_directory, "*", self.assignment))
        students = sorted(re.match(place, path, re.DOTALL)["student"] for path in found if os.path.isdir(path))
        for student in students:
            if shown(student) != student:
                raise Refused(f"{self.directory.submitted_directory}/{shown(student)} has a character in its name that can't be printed; rename it")
        return students

    def submission(self, student):
        """What tells a submission from a later one: nothing of it is opened, and no link followed."""
        return sorted([path, file.st_size, file.st_mtime_ns] for path, file in self.files(student))

    def unfit(self, student):
        """Why nbgrader may not copy a submission: it would follow a link to what the instructor alone may read."""
        for path, file in self.files(student):
            if not stat.S_ISREG(file.st_mode):
                return f"{path} is {'a link' if stat.S_ISLNK(file.st_mode) else 'no regular file'}, which is not graded; remove it"

    def files(self, student):
        directory = self.directory.format_path(self.directory.submitted_directory, student, self.assignment)
        for place, directories, names in os.walk(directory):
            for path in (pathlib.Path(place, name) for name in directories + names):
                file = path.lstat()
                if not stat.S_ISDIR(file.st_mode):
                    yield str(path.relative_to(directory)), file

    def record(self, student):
        """How far the grading of this submission has come."""
        try:
            record = json.loads((self.state / "students" / f"{student}.json").read_text())
        except FileNotFoundError:
            return {"state": "waiting"}
        return record if record["submission"] == self.submission(student) else {"state": "waiting"}

    def write(self, student, **record):
        replace(self.state / "students" / f"{student}.json", record)


def replace(path, value):
    """Writes a file that is there whole or not at all, whichever node dies."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.{os.uname().nodename}.{os.getpid()}")
    new.write_text(json.dumps(value))
    new.replace(path)


def shown(text):
    """One line that no terminal obeys: much of it is what a submission says."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


# On the login node.


def main():
    usage = "python autograde.py [--per-task N] [--at-once N] ASSIGNMENT [-- SBATCH-OPTION...]"
    parser = argparse.ArgumentParser(usage=usage, description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("assignment")
    parser.add_argument("--per-task", type=int, default=10, metavar="N", help="students that one task grades, one after another (default 10)")
    parser.add_argument("--at-once", type=int, metavar="N", help="most tasks that run at a time (default: what Slurm allows)")
    parser.add_argument("--task", action="store_true", help=argparse.SUPPRESS)
    end = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
    options, unknown = parser.parse_known_args(sys.argv[1:end])
    if unknown:
        parser.error(f"there is no option {unknown[0]}; those of sbatch come behind --")
    options.sbatch = sys.argv[end + 1 :]
    if options.per_task < 1 or options.at_once == 0:
        parser.error("a task grades one student at least, and one task runs at least")
    warnings.filterwarnings("ignore", category=SAWarning)  # of nbgrader's own queries
    os.environ["PATH"] = f"{os.path.dirname(sys.executable)}:{os.environ['PATH']}"  # where it looks for its alembic
    job = None
    try:
        course = Course(options.assignment)
        if options.task:
            return grade(course)
        job = submit(course, options)
        if job:
            wait(job)
        if course.merged:
            merge(course)
        return summarize(course, job)
    except Refused as refusal:
        print(f"autograde.py: {refusal}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"\n{f'Job {job} goes on; scancel {job} ends it. ' if job else ''}The same command goes on from here.", file=sys.stderr)
        return 130


def submit(course, options):
    """The job that grades this assignment: the one that still runs, or a new one for what isn't graded."""
    # Scores are in it, and the gradebook's copy, whatever the umask is.
    course.state.mkdir(0o770 if course.directory.groupshared else 0o700, parents=True, exist_ok=True)
    with open(course.state / "lock", "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        before = read_job(course)
        if before["job"] and squeue(before["job"]):
            release(before["job"])
            print(f"Job {before['job']} still grades {course.assignment}.")
            return before["job"]
        submitted = course.submitted()
        if not submitted:
            place = course.directory.format_path(course.directory.submitted_directory, "*", course.assignment)
            raise Refused(f"nobody has handed in {course.assignment}: there is no {place}")
        states = {s: course.record(s)["state"] for s in submitted}
        waiting = {s: state for s, state in states.items() if state not in GRADED}
        if not waiting:
            return before["job"]
        prepare(course, submitted)
        tasks = share_out(waiting, options.per_task)
        job = sbatch(course, len(tasks), options)
        replace(course.state / "job.json", {"job": job, "tasks": tasks})
        release(job)
    print(f"Job {job} grades {len(waiting)} of {len(submitted)} submissions of {course.assignment} in {len(tasks)} tasks.")
    return job


def read_job(course):
    try:
        return json.loads((course.state / "job.json").read_text())
    except FileNotFoundError:
        return {"job": None, "tasks": []}


def share_out(waiting, size):
    """Students for each task. One who failed before has a task alone, and takes no other down with it."""
    fresh = [s for s, state in waiting.items() if state == "waiting"]
    return [fresh[i : i + size] for i in range(0, len(fresh), size)] + [[s] for s, state in waiting.items() if state != "waiting"]


def prepare(course, students):
    """Creates once and alone what tasks that start together would each try to create."""
    course.kernel()
    with course.gradebook() as gradebook:
        try:
            gradebook.find_assignment(course.assignment)
        except MissingEntry:
            raise Refused(f"the gradebook has no assignment {course.assignment}; nbgrader generate_assignment {course.assignment}") from None
        for student in set(students) - {s.id for s in gradebook.students}:
            gradebook.add_student(student)
    if course.merged:
        with (
            contextlib.closing(sqlite3.connect(make_url(course.directory.db_url).database)) as gradebook,
            contextlib.closing(sqlite3.connect(course.state / "gradebook.db")) as copy,
        ):
            gradebook.backup(copy)


def sbatch(course, tasks, options):
    most = f"%{options.at_once}" if options.at_once else ""
    task = shlex.join([sys.executable, os.path.abspath(__file__), course.assignment, "--task"])
    (course.state / "tasks").mkdir(exist_ok=True)
    command = [
        # Held until it is written down whom the tasks grade: what nobody knows of never runs.
        *("sbatch", "--parsable", "--hold", f"--array=0-{tasks - 1}{most}", f"--job-name=autograde-{course.assignment}"),
        # A task whose node died starts again, and goes on where it was.
        *("--requeue", "--open-mode=append", f"--output={course.state}/tasks/%A_%a.txt", f"--chdir={course.directory.root}"),
        *options.sbatch,
        *("--wrap", f"exec {task}"),
    ]
    done = slurm(command)
    if done.returncode != 0:
        raise Refused(f"sbatch: {done.stderr.strip()}")
    return done.stdout.strip().partition(";")[0]


def release(job):
    done = slurm(["scontrol", "release", job])
    if done.returncode != 0:
        raise Refused(f"scontrol release {job}: {done.stderr.strip()}")


def slurm(command):
    try:
        return subprocess.run(command, capture_output=True, text=True)
    except FileNotFoundError:
        raise Refused(f"there is no {command[0]} here; run this on a login node of the cluster") from None


def squeue(job, *states):
    """The state of each task that has not ended, and why it waits; with --states=all, of the others too."""
    while True:
        done = slurm(["squeue", "--noheader", "--array", *states, f"--jobs={job}", "--format=%K %T %r"])
        if done.returncode == 0:
            return dict(line.split(None, 1) for line in done.stdout.splitlines())
        if "Invalid job id" in done.stderr:
            return {}
        print(f"squeue: {done.stderr.strip()}; trying again", file=sys.stderr)  # the controller may be starting again
        time.sleep(10)


# Why a task waits that may never start (squeue(1), JOB REASON CODES): it asks for what no
# node has, or for more than its partition or account allows a job.
HOPELESS = re.compile(r"PENDING (BadConstraints|Partition\w+Limit|PartitionConfig|AccountNotAllowed|Invalid(Account|QOS)|QOSNotAllowed|\w*PerJob\w*)$")


def wait(job):
    said = None
    while tasks := squeue(job):
        state = " ".join(sorted({f"{list(tasks.values()).count(s)} {s.replace(' None', '')}" for s in tasks.values()}))
        if state != said:
            print(f"Job {job}: {state}", flush=True)
            if any(map(HOPELESS.search, tasks.values())):
                print(f"It may never start: no node gives what its options ask for. scancel {job}, then this again with others", flush=True)
        said = state
        time.sleep(2 if len(tasks) < 10 else 10)


def merge(course):
    """Writes what the tasks found into the gradebook, as the only one who does."""
    with course.gradebook() as gradebook:
        for student in course.submitted():
            record = course.record(student)
            if record["state"] != "graded":
                continue
            try:
                merge_one(course, gradebook, student, record["found"])
                record["state"] = "merged"
            except KeyError as part:
                gradebook.db.rollback()
                record |= {"state": "failed", "reason": f"the assignment has a part {part} now that it hadn't when this was graded"}
            course.write(student, **record)


def merge_one(course, gradebook, student, found):
    times = {"timestamp": found["timestamp"]} if found["timestamp"] else {}
    submission = gradebook.update_or_create_submission(course.assignment, student, **times)
    for notebook in submission.notebooks:
        part = found["notebooks"][notebook.name]
        notebook.late_submission_penalty = part["penalty"]
        for grade in notebook.grades:
            grade.auto_score, needs = part["grades"][grade.name]
            grade.needs_manual_grade = needs or grade.manual_score is not None
        for comment in notebook.comments:
            comment.auto_comment = part["comments"][comment.name]
    gradebook.db.commit()


def summarize(course, job):
    submitted = course.submitted()
    failed = failures(course, job, submitted)
    with course.gradebook() as gradebook:
        missing = sorted({s.id for s in gradebook.students} - set(submitted))
    for student, reason in failed.items():
        print(f"failed   {student}  {shown(reason)}")
    for student in missing:
        print(f"missing  {student}")
    print(f"{course.assignment}: {len(submitted) - len(failed)} graded, {len(failed)} failed, {len(missing)} missing")
    if failed:
        print("The same command grades those that failed, and only those.")
    return 1 if failed else 0


def failures(course, job, submitted):
    """Who is not graded, and why."""
    task_of = {student: number for number, task in enumerate(read_job(course)["tasks"]) for student in task}
    records = {student: course.record(student) for student in submitted}
    reasons = {student: record.get("reason") for student, record in records.items() if record["state"] not in GRADED}
    ended = None
    for student in (s for s in reasons if not reasons[s]):
        if student not in task_of:
            reasons[student] = "handed in after the job was submitted"
            continue
        ended = how_ended(job) if ended is None else ended
        when = "while it graded this" if records[student]["state"] == "started" else "before it came to this, or this was handed in again"
        number = task_of[student]
        how = ended.get(str(number), "Slurm has forgotten how")
        reasons[student] = f"task {job}_{number} ended {when}: {how}; see slurm/{course.assignment}/tasks/{job}_{number}.txt"
    return reasons


def how_ended(job):
    """Each task's last state: the controller knows it for minutes, the accounting for long, if there is one."""
    if states := squeue(job, "--states=all"):
        return {number: state.split()[0] for number, state in states.items()}
    lines = slurm(["sacct", "--noheader", "--parsable2", "--allocations", "--array", f"--jobs={job}", "--format=JobID,State"]).stdout.splitlines()
    return {line.partition("|")[0].partition("_")[2]: line.partition("|")[2] for line in lines}


# In a task of the job.


def grade(course):
    """Grades a task's students, each in a process of its own that can die alone."""
    kernel = course.kernel()
    course.app.config.ExecutePreprocessor.kernel_name = kernel
    with tempfile.TemporaryDirectory(prefix="autograde-") as scratch:
        os.environ["TMPDIR"] = tempfile.tempdir = scratch
        os.environ["JUPYTER_RUNTIME_DIR"] = f"{scratch}/runtime"
        if course.merged:
            pathlib.Path(scratch, "gradebook.db").write_bytes((course.state / "gradebook.db").read_bytes())
            course.directory.db_url = f"sqlite:///{scratch}/gradebook.db"
        for student in read_job(course)["tasks"][int(os.environ["SLURM_ARRAY_TASK_ID"])]:
            if course.record(student)["state"] in GRADED:
                continue  # by this task, before its node died
            print(f"grading {student}", flush=True)
            submission = course.submission(student)
            if reason := course.unfit(student):
                course.write(student, state="failed", submission=submission, reason=reason)
                continue
            course.write(student, state="started", submission=submission)
            process = multiprocessing.get_context("fork").Process(target=grade_one, args=(course, student, submission))
            process.start()
            process.join()
            if process.exitcode != 0:
                reason = f"nbgrader was ended by signal {-process.exitcode}" if process.exitcode < 0 else why(course, student)
                course.write(student, state="failed", submission=submission, reason=reason)
    return 0


def grade_one(course, student, submission):
    log = os.open(course.state / "students" / f"{student}.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
    for stream in (1, 2):
        os.dup2(log, stream)
    course.directory.student_id = student
    grader = Autograde(coursedir=course.directory, parent=course.app)
    # What a task that was killed left of this student isn't graded.
    grader.force, grader.create_student = True, False
    grader.start()
    course.write(student, state="graded", submission=submission, found=results(course, student))


def results(course, student):
    """What nbgrader found, as the gradebook has it."""
    with course.gradebook() as gradebook:
        submission = gradebook.find_submission(course.assignment, student)
        return {
            "timestamp": submission.timestamp and submission.timestamp.isoformat(),
            "notebooks": {
                n.name: {
                    "penalty": n.late_submission_penalty,
                    "grades": {g.name: [g.auto_score, g.needs_manual_grade] for g in n.grades},
                    "comments": {c.name: c.auto_comment for c in n.comments},
                }
                for n in submission.notebooks
            },
        }


def why(course, student):
    """The sandbox's own word if it has one, else the last error."""
    log = (course.state / "students" / f"{student}.log").read_text(errors="replace")
    error = r"^ *((?!.*NbGraderException: Please see )[\w.]+(?:Error|Exception|Died|Entry)(?:: .*)?)$"  # nbgrader indents some
    for pattern in (r"^isolate-kernel: .*", error, r"ERROR\] .*"):
        if found := re.findall(pattern, log, re.MULTILINE):
            return found[-1]
    return f"see {course.state}/students/{student}.log"


if __name__ == "__main__":
    sys.exit(main())
