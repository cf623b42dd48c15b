"""The kernel under test, a machine that has it, and a browser."""

import pytest
from lab import lab_server
from machine import Machine
from playwright.sync_api import sync_playwright

CHROMIUM = "/usr/bin/chromium"
# Without these a Chromium started by root, with no network, hangs or floods its log.
CHROMIUM_ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def pytest_addoption(parser):
    parser.addoption(
        "--kernel",
        default="python3-isolated",
        help="the kernel under test; python3 is the control, in which every test passes but those about the sandbox",
    )


@pytest.fixture(scope="session")
def kernel(request):
    return request.config.getoption("--kernel")


@pytest.fixture(scope="session")
def isolated(kernel):
    return kernel.endswith("-isolated")


@pytest.fixture(scope="session")
def machine(tmp_path_factory, isolated):
    machine = Machine(tmp_path_factory.mktemp("home"))
    if isolated:
        machine.run("isolate-kernelspec", "install", "--user", "python3")
    return machine


@pytest.fixture(scope="session")
def seen(isolated):
    """What Machine.looks prints with the kernel under test."""
    return f"sees secret: {not isolated}"


@pytest.fixture(scope="session")
def browser():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def server(machine, tmp_path_factory):
    """The address of a JupyterLab in the course's directory."""
    with lab_server(machine, machine.course, tmp_path_factory.mktemp("lab") / "server.log") as url:
        yield url
