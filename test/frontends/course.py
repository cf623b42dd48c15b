"""A small nbgrader course: one assignment of one notebook, whose test cell gives a point for each right square."""

import nbformat

ASSIGNMENT = "ps1"
POINTS = 40
RIGHT = "def square(n):\n    return n * n\n"

CONFIG = """c = get_config()
c.CourseDirectory.course_id = "squares"
c.ExecutePreprocessor.kernel_name = {kernel!r}
"""
TEST = f"""# What is between 0 and all points has to be the cell's result.
points = sum(square(n) == n * n for n in range({POINTS}))
assert points > 0
points"""


class Course:
    """The course's directory, with the assignment released, and nbgrader's commands in it."""

    def __init__(self, machine, name, kernel):
        self.machine = machine
        self.root = machine.home / name
        self.write(self.root / "source" / ASSIGNMENT / "squares.ipynb", "### BEGIN SOLUTION\n" + RIGHT + "### END SOLUTION")
        (self.root / "nbgrader_config.py").write_text(CONFIG.format(kernel=kernel))
        self.nbgrader("generate_assignment", ASSIGNMENT)

    def nbgrader(self, *arguments, **options):
        return self.machine.run("nbgrader", *arguments, cwd=self.root, **options)

    def submit(self, student, answer):
        """Hand in the answer, with what the release has around it."""
        self.write(self.root / "submitted" / student / ASSIGNMENT / "squares.ipynb", answer)

    def write(self, path, answer):
        cells = [
            cell(answer, "square", solution=True, grade=False, locked=False),
            cell(TEST, "test_square", solution=False, grade=True, locked=True, points=POINTS),
        ]
        spec = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
        path.parent.mkdir(parents=True)
        nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": spec}), path)

    def feedback(self, student):
        """The page that the student gets, as HTML."""
        return (self.root / "feedback" / student / ASSIGNMENT / "squares.html").read_text()


def cell(source, grade_id, **marks):
    """A cell as nbgrader's editor marks it."""
    marks = {"schema_version": 3, "grade_id": grade_id, "task": False, **marks}
    return nbformat.v4.new_code_cell(source, metadata={"nbgrader": marks})
