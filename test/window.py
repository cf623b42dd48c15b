"""A window of tmux: a real terminal, in which a test types and looks."""

import re
import shlex
import subprocess

from common import unique, wait_for


class Window:
    """A window in which a command runs, with its own tmux server."""

    def __init__(self, command, cwd, env, columns=80, lines=24):
        self.cwd, self.env = cwd, {"SHELL": "/bin/sh", **env}  # which tmux starts it through
        self.name = unique()  # a path in the test's directory may be too long for a socket
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", columns, "-y", lines, shlex.join(map(str, command)))

    def tmux(self, *arguments):
        command = [str(a) for a in ["tmux", "-u", "-L", self.name, *arguments]]
        done = subprocess.run(command, env=self.env, cwd=self.cwd, capture_output=True, text=True, timeout=30)
        assert done.returncode == 0, f"{command}: {done.stderr}"
        return done.stdout

    def type(self, text):
        self.tmux("send-keys", "-l", text)

    def press(self, *keys):
        self.tmux("send-keys", *keys)

    def enter(self, text):
        self.type(text)
        self.press("Enter")

    def screen(self):
        return self.tmux("capture-pane", "-p").rstrip("\n")

    def expect(self, pattern, seconds=20):
        """Waits until the screen has the pattern, and returns the screen."""
        found = wait_for(lambda: re.search(pattern, self.screen(), re.MULTILINE), seconds)
        assert found, f"never shown: {pattern}; the screen has\n{self.screen()}"
        return self.screen()

    def close(self):
        self.tmux("kill-server")
