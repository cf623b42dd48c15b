"""JupyterLab as a person uses it: the server, and one browser page with a notebook."""

import contextlib
import json

from common import BUILD, free_port
from machine import answers
from playwright.sync_api import expect

TOKEN = "frontends"

# No question about news, no check for updates, and every cell in the page, even below the fold.
SETTINGS = {
    "@jupyterlab/apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "@jupyterlab/notebook-extension/tracker": {"windowingMode": "none"},
}


@contextlib.contextmanager
def lab_server(machine, directory, log, env=None):
    """Run JupyterLab on the directory; yields its address."""
    for name, setting in SETTINGS.items():
        path = machine.home / ".jupyter/lab/user-settings" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(setting))
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    options = [
        "--no-browser",
        "--allow-root",
        f"--port={port}",
        "--ServerApp.port_retries=0",
        f"--IdentityProvider.token={TOKEN}",
        f"--ServerApp.root_dir={directory}",
    ]
    with machine.running(
        "jupyter-lab", *options, ready=lambda: answers(f"{url}/api?token={TOKEN}"), log=log, cwd=directory, env=env
    ):
        yield url


class Lab:
    """A browser page with JupyterLab in it."""

    def __init__(self, page, url):
        self.page = page
        self.url = url

    def start(self):
        """Show the launcher page."""
        self.page.goto(f"{self.url}/lab?token={TOKEN}&reset")
        expect(self.page.locator(".jp-LauncherCard").first).to_be_visible(timeout=30_000)
        return self

    def open(self, name):
        """Open the notebook as the page's only document."""
        self.page.goto(f"{self.url}/lab/tree/{name}?token={TOKEN}&reset")
        expect(self.notebook.locator(".jp-Cell").first).to_be_visible(timeout=30_000)
        self.idle()
        return self

    @property
    def notebook(self):
        return self.page.locator(".jp-NotebookPanel:not(.lm-mod-hidden)")

    def cell(self, number):
        return self.notebook.locator(".jp-Cell").nth(number)

    def output(self, number):
        """The output of one cell, all of it."""
        return self.cell(number).locator(".jp-Cell-outputArea")

    def idle(self, timeout=20_000):
        """Wait for the kernel to have nothing to do."""
        expect(self.page.locator(".jp-StatusBar-Widget")).to_contain_text("| Idle", timeout=timeout)

    def type(self, number, text):
        """Put text into a cell. A page that has just opened may still replace its editor, and the text with it."""
        content = self.cell(number).locator(".cm-content")
        for attempt in range(5):
            content.click()
            self.page.keyboard.press("Control+a")
            self.page.keyboard.insert_text(text)
            try:
                return expect(content).to_contain_text(text.splitlines()[0], timeout=2_000)
            except AssertionError:
                if attempt == 4:
                    raise

    def run(self, number, text=None):
        """Run one cell as Shift+Enter does, and wait for its output to contain the text."""
        self.cell(number).locator(".cm-content").click()
        self.page.keyboard.press("Shift+Enter")
        if text is not None:
            self.says(number, text)

    def says(self, number, text, timeout=20_000):
        expect(self.output(number)).to_contain_text(text, timeout=timeout)

    def command(self, name):
        """Press a button of the notebook's toolbar."""
        self.notebook.locator(f'[data-command="notebook:{name}"]').click()

    def menu(self, *path):
        """Choose from the menu bar: menu("Kernel", "Shut Down Kernel")."""
        self.page.get_by_role("menuitem", name=path[0], exact=True).click()
        for name in path[1:]:
            self.page.locator(f'.lm-Menu-item:has(.lm-Menu-itemLabel:text-is("{name}"))').click()

    def accept(self):
        self.page.locator(".jp-Dialog .jp-mod-accept").click()

    def screenshot(self, name):
        """Keep what the page shows for a person to look at."""
        path = BUILD / "screenshots" / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=path)
