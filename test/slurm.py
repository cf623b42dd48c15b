"""Debian's Slurm and MUNGE: a controller and several nodes, made for a test on this machine."""

import os
import pathlib
import pwd
import shutil
import socket
import subprocess
import tempfile

from common import free_port, wait_for

CONFIGURATION = """
ClusterName=isolate
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmUser={daemon}
SlurmdUser={daemon}
AuthType=auth/munge
AuthInfo=socket={place}/munge/socket,cred_expire=5
CredType=cred/munge
StateSaveLocation={place}/state
SlurmdSpoolDir={place}/%n
SlurmctldPidFile={place}/slurmctld.pid
SlurmdPidFile={place}/%n.pid
SlurmctldLogFile={place}/slurmctld.log
SlurmdLogFile={place}/%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=1,batch_sched_delay=0,sched_min_interval=0
ReturnToService=2
SlurmdTimeout={patience}
KillWait=1
MessageTimeout=30
InactiveLimit=0
MailProg=/bin/true
"""


class Slurm:
    """It ends with the with block, and so do its jobs. Its nodes, n1, n2 and so on, have a processor each.

    Its daemons run as the user of the tests. A node that doesn't answer for the
    seconds of patience is down, and its jobs start again elsewhere.
    """

    def __init__(self, nodes=2, patience=5):
        self.place = pathlib.Path(tempfile.mkdtemp(prefix="isolate-slurm-", dir="/var/tmp"))
        self.place.chmod(0o755)
        self.nodes = [f"n{i + 1}" for i in range(nodes)]
        host = socket.gethostname().split(".")[0]
        user, self.port = pwd.getpwuid(os.getuid()).pw_name, free_port()
        text = CONFIGURATION.format(host=host, daemon=user, place=self.place, controller=self.port, patience=patience)
        for node in self.nodes:
            text += f"NodeName={node} NodeHostname={host} NodeAddr=127.0.0.1 Port={free_port()} CPUs=1 RealMemory=1000\n"
        text += f"PartitionName=all Nodes={','.join(self.nodes)} Default=YES State=UP\n"
        (self.place / "slurm.conf").write_text(text)
        self.env = {"SLURM_CONF": str(self.place / "slurm.conf")}
        self.daemons = {}

    def __enter__(self):
        munge = self.place / "munge"
        munge.mkdir(mode=0o755)
        (munge / "key").write_bytes(os.urandom(128))
        (munge / "key").chmod(0o400)
        (self.place / "state").mkdir()
        self.start("munged", "/usr/sbin/munged", "--foreground", "--force", f"--socket={munge}/socket", f"--key-file={munge}/key",
                   f"--pid-file={munge}/pid", f"--log-file={munge}/log", f"--seed-file={munge}/seed")
        assert wait_for((munge / "socket").exists), (munge / "log").read_text()
        self.start("slurmctld", "/usr/sbin/slurmctld", "-D", "-i")
        for node in self.nodes:
            self.boot(node)
        assert wait_for(lambda: self.idle() == len(self.nodes), 60), self.logs()
        return self

    def start(self, name, *command):
        with open(self.place / f"{name}.out", "ab") as out:
            self.daemons[name] = subprocess.Popen(command, env=os.environ | self.env, stdin=subprocess.DEVNULL, stdout=out, stderr=out)

    def boot(self, node):
        """Starts a node in a process namespace, with which all its processes end."""
        own = [] if os.getuid() == 0 else ["--user", "--map-current-user"]
        self.start(node, "unshare", *own, "--pid", "--uts", "--fork", "--kill-child", "--mount-proc", "/usr/sbin/slurmd", "-D", "-N", node)

    def lose(self, node):
        """What a power failure does to a node."""
        self.daemons[node].kill()
        self.daemons.pop(node).wait()

    def run(self, *command):
        return subprocess.run(command, env=os.environ | self.env, capture_output=True, text=True).stdout.strip()

    def idle(self):
        return len(self.run("sinfo", "--noheader", "--Node", "--states=idle", "--format=%N").split())

    def logs(self):
        return "\n".join(p.read_text() for p in self.place.glob("*.out"))

    def __exit__(self, *_):
        for daemon in reversed(self.daemons.values()):
            daemon.kill()
            daemon.wait()
        shutil.rmtree(self.place)
