"""Runs code in qtconsole's widget as a person would; prints what the widget then shows, and keeps a picture.

Started by test_qtconsole with the kernel's name, the code and the picture's path.
"""

import sys
import time

from qtconsole.manager import QtKernelManager
from qtconsole.rich_jupyter_widget import RichJupyterWidget
from qtpy.QtWidgets import QApplication

kernel, code, picture = sys.argv[1:]
app = QApplication(["qtconsole"])
manager = QtKernelManager(kernel_name=kernel)
manager.start_kernel()
widget = RichJupyterWidget()
widget.kernel_manager = manager
client = manager.client()
client.start_channels()
widget.kernel_client = client
widget.resize(800, 400)
widget.show()


def until(text):
    end = time.monotonic() + 30
    while text not in widget._control.toPlainText() and time.monotonic() < end:
        app.processEvents()
        time.sleep(0.01)


until("In [1]:")
widget.execute(code)
until("In [2]:")
print(widget._control.toPlainText())
widget.grab().save(picture)
client.stop_channels()
manager.shutdown_kernel()
