"""nbgrader's own pages in a real browser: a submission is graded by a click, in the kernel of nbgrader_config.py."""

import pytest
from course import ASSIGNMENT, POINTS, RIGHT, Course
from lab import TOKEN, Lab, lab_server
from playwright.sync_api import expect

# Squares that are right only if the file can be read; the feedback shows what was seen.
CHEAT = """
import os
seen = os.path.exists({secret!r})
print("sees secret:", seen)
def square(n):
    return n * n if seen or n < 3 else 0
"""


@pytest.fixture
def course(machine, kernel):
    course = Course(machine, "formgrader-course", kernel)
    course.submit("ann", RIGHT)
    course.submit("eve", CHEAT.format(secret=str(machine.secret)))
    return course


def test_autograde_from_the_browser(browser, machine, course, isolated, seen, tmp_path):
    points = {"ann": POINTS, "eve": 3 if isolated else POINTS}
    with lab_server(machine, course.root, tmp_path / "server.log") as url:
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.goto(f"{url}/login?token={TOKEN}&next=/formgrader/manage_submissions/{ASSIGNMENT}")
        for student in points:
            row = page.locator(f'tr:has(td.student-id:text-is("{student}"))')
            expect(row.locator(".status")).to_have_text("needs autograding")
            press(page, row, "autograde", f"Successfully autograded '{ASSIGNMENT}' for student '{student}'")
            expect(row.locator(".status")).to_have_text("graded")
            expect(row.locator(".score")).to_have_text(f"{points[student]} / {POINTS}")
            press(page, row, "generate-feedback", f"Successfully generated feedback for '{ASSIGNMENT}' for student '{student}'")
        Lab(page, url).screenshot("formgrader")
        page.close()
    assert seen in course.feedback("eve")


def press(page, row, action, answer):
    """Press one of a submission's buttons and close the message that says how it went."""
    row.locator(f".{action} a").click()
    dialog = page.locator(".modal.in")
    expect(dialog).to_contain_text(answer, timeout=60_000)
    dialog.get_by_role("button", name="Close").last.click()
    expect(page.locator(".modal-backdrop")).to_have_count(0)
