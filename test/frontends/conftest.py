"""The kernel under test, and a machine that has it."""

import pytest
from machine import Machine


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
