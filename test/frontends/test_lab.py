"""JupyterLab in a real browser: everything a person does with a kernel."""

import pytest
from common import wait_for
from machine import write_notebook
from lab import TOKEN, Lab
from playwright.sync_api import expect

import requests


@pytest.fixture
def lab(browser, server, request):
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    lab = Lab(page, server)
    yield lab
    lab.screenshot(f"end-of-{request.node.name}")
    page.close()
    for running in kernels(server):
        requests.delete(f"{server}/api/kernels/{running['id']}", params={"token": TOKEN})


def kernels(server):
    return requests.get(f"{server}/api/kernels", params={"token": TOKEN}).json()


@pytest.fixture
def notebook(machine, kernel, request):
    """Writes a notebook of the given cells; returns its name."""

    def write(*sources, suffix=""):
        name = f"{request.node.name}{suffix}.ipynb"
        write_notebook(machine.course / name, kernel, *sources)
        return name

    return write


DISPLAY_NAMES = {"python3": "Python 3 (ipykernel)", "python3-isolated": "Python 3 (ipykernel) (isolated)"}


def test_launcher_offers_the_kernel(lab, kernel, machine, seen):
    lab.start()
    name = DISPLAY_NAMES[kernel]
    card = lab.page.locator(f'.jp-LauncherCard[data-category="Notebook"][title="{name}"]')
    logo = card.locator("img")
    expect(card).to_contain_text(name)
    assert wait_for(lambda: logo.evaluate("i => i.naturalWidth") >= 32, 5), "the logo isn't loaded"
    assert f"/kernelspecs/{kernel}/" in logo.get_attribute("src")
    lab.screenshot("launcher")

    card.click()
    expect(lab.notebook.locator(".jp-KernelName")).to_have_text(name)
    lab.idle()
    lab.type(0, machine.looks())
    lab.run(0, seen)


def test_text_plot_widget_and_input(lab, notebook, machine, seen):
    lab.open(
        notebook(
            machine.looks(),
            "%matplotlib inline\nimport matplotlib.pyplot as plt\nplt.plot([1, 4, 9, 16])\nplt.show()",
            "import ipywidgets\nlabel = ipywidgets.Label('untouched')\nbutton = ipywidgets.Button(description='Press')\n"
            "button.on_click(lambda _: setattr(label, 'value', f'pressed by {6 * 7}'))\nipywidgets.HBox([button, label])",
            "name = input('Your name? ')\nprint('Hello,', name)",
        )
    )
    lab.run(0, seen)
    lab.run(1)
    plot = lab.output(1).locator("img")
    expect(plot).to_be_visible(timeout=30_000)
    assert plot.evaluate("i => i.naturalWidth") > 200
    lab.run(2, "untouched")
    lab.output(2).get_by_role("button", name="Press").click()
    lab.says(2, "pressed by 42")
    lab.run(3)
    lab.output(3).locator("input.jp-Stdin-input").fill("Ada")
    lab.page.keyboard.press("Enter")
    lab.says(3, "Hello, Ada")
    lab.screenshot("notebook")


def test_interrupt_keeps_the_kernel(lab, notebook):
    lab.open(notebook("mine = 7", "print('looping')\nwhile True: pass", "print('still', mine)"))
    lab.run(0)
    lab.run(1, "looping")
    lab.command("interrupt-kernel")
    lab.says(1, "KeyboardInterrupt")
    lab.idle()
    lab.run(2, "still 7")


def test_restart_forgets(lab, notebook):
    lab.open(notebook("mine = 7; print('set')", "print('mine' in globals())"))
    lab.run(0, "set")
    lab.run(1, "True")
    lab.command("restart-kernel")
    lab.accept()
    lab.idle()
    lab.run(1, "False")


def test_restart_and_run_all(lab, notebook):
    lab.open(notebook("count = globals().get('count', 0) + 1; print('run', count)", "print('then', count)"))
    lab.run(0, "run 1")
    lab.run(0, "run 2")
    lab.command("restart-run-all")
    lab.accept()
    lab.says(0, "run 1")
    lab.says(1, "then 1")


def test_shutdown_ends_the_kernel(lab, notebook, server, machine):
    lab.open(notebook("open('alive', 'w').close(); print('ready')"))
    lab.run(0, "ready")
    assert len(kernels(server)) == 1
    lab.menu("Kernel", "Shut Down Kernel")
    expect(lab.notebook.locator(".jp-KernelName")).to_have_text("No Kernel")
    assert wait_for(lambda: not kernels(server), 10), "the server still has the kernel"


def test_crash_restarts_the_kernel(lab, notebook):
    lab.open(notebook("mine = 7; print('set')", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "print('mine' in globals())"))
    lab.run(0, "set")
    lab.run(1)
    dialog = lab.page.locator(".jp-Dialog")
    expect(dialog).to_contain_text("restart", timeout=20_000)
    lab.screenshot("crash")
    lab.accept()
    lab.idle()
    lab.run(2, "False")


def test_debugger_stops_at_a_breakpoint(lab, notebook):
    lab.open(notebook("def double(number):\n    result = number * 2\n    return result\n\nprint('doubled', double(21))"))
    page = lab.page
    page.locator(".jp-DebuggerBugButton").click()
    page.locator(".jp-SidePanel.jp-DebuggerSidebar, .jp-DebuggerSidebar").first.wait_for()
    lab.cell(0).locator(".cm-breakpoint-gutter .cm-gutterElement").nth(3).click()
    lab.cell(0).locator(".cm-content").click()
    page.keyboard.press("Shift+Enter")
    variables = page.locator(".jp-DebuggerVariables")
    expect(page.locator(".jp-DebuggerCallstack")).to_contain_text("double", timeout=20_000)
    expect(variables).to_contain_text("result")
    expect(variables).to_contain_text("42")
    lab.screenshot("debugger")
    page.locator('.jp-DebuggerPausedOverlay [title="Continue"]').click()
    lab.says(0, "doubled 42")


def test_two_notebooks_at_once(lab, browser, server, notebook):
    second = Lab(browser.new_page(), server)
    code = "import time\nfor n in range(4): print('{0}', n); time.sleep(0.3)\nopen('/tmp/{0}', 'w').close()", "import os; print(sorted(f for f in os.listdir('/tmp') if f in ('one', 'two')))"
    lab.open(notebook(*(c.format("one") for c in code), suffix="-one"))
    second.open(notebook(*(c.format("two") for c in code), suffix="-two"))
    lab.run(0)
    second.run(0)
    lab.says(0, "one 3")
    second.says(0, "two 3")
    assert len(kernels(server)) == 2
    second.page.close()
