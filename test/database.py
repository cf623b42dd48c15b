"""Debian's PostgreSQL, with a cluster made for a test."""

import getpass
import os
import pathlib
import shutil
import subprocess
import tempfile

from common import free_port

BIN = max(pathlib.Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: int(p.parent.name))


class Database:
    """It ends with the with block. By its socket it lets in a role of the client's own user alone, by TCP whoever reaches it."""

    def __init__(self):
        # Pytest closes its own directories to other users, again and again.
        self.place = pathlib.Path(tempfile.mkdtemp(prefix="isolate-pg-", dir="/var/tmp"))
        self.place.chmod(0o755)
        self.port, self.user = free_port(), getpass.getuser()
        # PostgreSQL refuses to run as root.
        self.as_server = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if os.getuid() == 0 else []
        if self.as_server:
            os.chown(self.place, 65534, 65534)
        self.socket = self.place / f".s.PGSQL.{self.port}"

    def run(self, command, *arguments):
        done = subprocess.run([*self.as_server, BIN / command, *arguments], cwd=self.place, capture_output=True, text=True, env={"LC_ALL": "C"})
        assert done.returncode == 0, done.stderr

    def __enter__(self):
        self.run("initdb", "-D", "data", "-U", self.user, "--auth-local=peer", "--auth-host=trust", "--encoding=UTF8", "-N")
        with open(self.place / "data/postgresql.conf", "a") as settings:
            settings.write(f"fsync = off\nport = {self.port}\nlisten_addresses = 'localhost'\nunix_socket_directories = '{self.place}'\n")
        self.run("pg_ctl", "-D", "data", "-w", "-l", "log", "start")
        return self

    def __exit__(self, *_):
        self.run("pg_ctl", "-D", "data", "-m", "immediate", "stop")
        shutil.rmtree(self.place)
