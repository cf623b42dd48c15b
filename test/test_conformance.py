"""Jupyter's own conformance suite for kernels, for the plain one and the isolated.

The cases are jupyter_kernel_test's; all of them pass for both.
"""

import unittest

import jupyter_kernel_test
import pytest


@pytest.mark.parametrize("name", ["python3", "python3-isolated"])
def test_conformance(jupyter, kernels, name):
    kernel = jupyter.start(name)
    kernels.append(kernel)

    class Cases(jupyter_kernel_test.KernelTests):
        language_name = "python"
        file_extension = ".py"
        code_hello_world = "print('hello, world')"
        code_stderr = "import sys; print('test', file=sys.stderr)"
        completion_samples = [{"text": "zi", "matches": {"zip"}}]
        complete_code_samples = ["1", "print('hello, world')", "def f(x):\n  return x*2\n\n\n"]
        incomplete_code_samples = ["print('''hello", "def f(x):\n  x*2"]
        invalid_code_samples = ["import = 7q"]
        code_page_something = "zip?"
        code_generate_error = "raise"
        code_execute_result = [{"code": "1+2+3", "result": "6"}]
        code_display_data = [{"code": "from IPython.display import HTML, display; display(HTML('<b>x</b>'))", "mime": "text/html"}]
        code_inspect_sample = "zip"
        code_clear_output = "from IPython.display import clear_output; clear_output()"
        code_history_pattern = "1?2*"
        supported_history_operations = ("tail", "search")

        @classmethod
        def setUpClass(cls):
            cls.km, cls.kc = kernel.manager, kernel.client

        @classmethod
        def tearDownClass(cls):
            pass  # the kernel is the fixture's to stop

    result = unittest.TestResult()
    unittest.defaultTestLoader.loadTestsFromTestCase(Cases).run(result)
    assert result.testsRun >= 12
    assert not result.errors and not result.failures, "\n".join(text for _, text in result.errors + result.failures)
    assert {reason for _, reason in result.skipped} <= {"History range not supported"}
