"""A small internet of a test's own: in network namespaces, with names that exist nowhere else.

The machine of the test is 93.184.216.1. The only other one, 93.184.216.34, answers
DNS queries, and serves a directory by HTTP and HTTPS, with a certificate of an
authority of its own. An ordinary user can make it, too.
"""

import base64
import hashlib
import http.server
import io
import json
import os
import pathlib
import shutil
import socket
import socketserver
import ssl
import struct
import subprocess
import sys
import tarfile
import threading
import zipfile

HOST4, HOST6, OWN4 = "93.184.216.34", "2606:4700:10::34", "93.184.216.1"
HOSTS = ["pypi.test", "files.test", "git.test", "wild.test", "a.wild.test", "b.c.wild.test", "other.test", "evil-pypi.test"]

# Names with an address that --allow-host must not lead to.
PRIVATE = {
    "loopback.test": "127.0.0.1", "zero.test": "0.0.0.0", "private.test": "10.1.2.3", "link.test": "169.254.169.254", "own.test": OWN4,
    "six.test": "::1", "local.test": "fd00::1", "compatible.test": "::127.0.0.1", "nat64.test": "64:ff9b::7f00:1", "sixtofour.test": "2002:7f00:1::1",
    "alias.test": "=loopback.test", "mapped.test": "::ffff:127.0.0.1",
}
ADDRESSES = {**{name: [HOST4, HOST6] for name in HOSTS}, "four.test": [HOST4], "sixonly.test": [HOST6], **{n: [a] for n, a in PRIVATE.items()}}

SET_UP = """
set -e
cd "$1"
ip link set lo up
unshare --net sh -c 'echo $$ >pid; until [ -e linked ]; do sleep 0.02; done; ip link set lo up
    ip addr add {host4}/24 dev far; ip -6 addr add {host6}/64 dev far nodad; ip link set far up; exec "$0" "$1" serve "$PWD"' "$2" "$3" >serving &
until [ -s pid ]; do sleep 0.02; done
ip link add near type veth peer name far netns "$(cat pid)"
ip addr add {own4}/24 dev near
ip -6 addr add 2606:4700:10::1/64 dev near nodad
ip link set near up
>linked
echo nameserver {host4} >resolv.conf
echo 127.0.0.1 localhost >hosts
mount --bind resolv.conf /etc/resolv.conf
mount --bind hosts /etc/hosts
until [ -s serving ]; do sleep 0.02; done
echo ready
exec cat
"""


class Internet:
    """It ends with the with block."""

    def __init__(self, place):
        self.place = place
        self.site = place / "site"
        self.ca = place / "ca.pem"
        self.site.mkdir(parents=True)
        (self.site / "hello").write_text("hello\n")
        make_certificates(place)
        make_index(self.site)
        make_npm_registry(self.site)
        make_r_repository(self.site)
        make_repository(self.site, place)

    def __enter__(self):
        script = SET_UP.format(host4=HOST4, host6=HOST6, own4=OWN4)
        self.process = subprocess.Popen(
            ["unshare", "--user", "--map-root-user", "--net", "--mount", "--pid", "--mount-proc", "--fork", "--kill-child", "sh", "-c", script, "sh", self.place, sys.executable, __file__],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "ready\n"
        self.pid = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().strip()
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def run(self, *command, **options):
        """Runs a command of that machine's."""
        enter = ["nsenter", "--target", self.pid, "--user", "--net", "--mount", "--pid", "--preserve-credentials",
                 "sh", "-c", 'cd "$0" && exec "$@"', str(options.pop("cwd", self.place))]
        return subprocess.run([*enter, *map(str, command)], capture_output=True, text=True, timeout=120, **options)


def make_certificates(place):
    """An authority, and a certificate of its own for all hosts."""
    names = ",".join(f"DNS:{name}" for name in ADDRESSES)
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    for command in [
        ["req", "-x509", *key, "-subj", "/CN=A test's authority", "-keyout", "ca.key", "-out", "ca.pem"],
        ["req", "-x509", "-CA", "ca.pem", "-CAkey", "ca.key", *key, "-subj", "/CN=hosts", "-addext", f"subjectAltName={names}",
         "-addext", "basicConstraints=critical,CA:FALSE", "-keyout", "host.key", "-out", "host.pem"],
    ]:
        subprocess.run(["openssl", *command], cwd=place, check=True, capture_output=True)


def make_index(site):
    """A package index whose files are on another host, as is usual."""
    wheel = "numbers-1.0-py3-none-any.whl"
    files = {
        "numbers_of_a_test.py": "answer = 42\n",
        "numbers-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: numbers\nVersion: 1.0\n",
        "numbers-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    with zipfile.ZipFile(site / wheel, "w") as archive:
        record = ""
        for name, text in files.items():
            archive.writestr(name, text)
            digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
            record += f"{name},sha256={digest},{len(text)}\n"
        archive.writestr("numbers-1.0.dist-info/RECORD", record + "numbers-1.0.dist-info/RECORD,,\n")
    index = site / "simple/numbers"
    index.mkdir(parents=True)
    (index / "index.html").write_text(f'<!DOCTYPE html><html><body><a href="https://files.test/{wheel}">{wheel}</a></body></html>\n')


def pack(archive, top, files):
    """A source package: a directory of files."""
    with tarfile.open(archive, "w:gz") as tar:
        for name, text in files.items():
            member = tarfile.TarInfo(f"{top}/{name}")
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text.encode()))


def make_npm_registry(site):
    """A registry of npm's with one package, whose file is on another host."""
    (site / "npm").mkdir()
    about = {"name": "numbers", "version": "1.0.0", "main": "index.js"}
    pack(site / "numbers-1.0.0.tgz", "package", {"package.json": json.dumps(about), "index.js": "module.exports = 42\n"})
    digest = base64.b64encode(hashlib.sha512((site / "numbers-1.0.0.tgz").read_bytes()).digest()).decode()
    about["dist"] = {"tarball": "https://files.test/numbers-1.0.0.tgz", "integrity": f"sha512-{digest}"}
    (site / "npm/numbers").write_text(json.dumps({"name": "numbers", "dist-tags": {"latest": "1.0.0"}, "versions": {"1.0.0": about}}))


def make_r_repository(site):
    """A repository of R packages with one."""
    place = site / "r/src/contrib"
    place.mkdir(parents=True)
    about = "Package: numbers\nVersion: 1.0\n"
    more = "Title: A Number\nDescription: One number.\nLicense: MIT\nAuthor: A Test\nMaintainer: A Test <t@t.test>\n"
    pack(place / "numbers_1.0.tar.gz", "numbers", {"DESCRIPTION": about + more, "NAMESPACE": "export(answer)\n", "R/answer.R": "answer <- 42\n"})
    (place / "PACKAGES").write_text(about)


def make_repository(site, place):
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@t", "-c", "init.defaultBranch=main"]
    work = place / "work"
    work.mkdir()
    (work / "README").write_text("cloned\n")
    for command in [["init", "-q"], ["add", "."], ["commit", "-qm", "first"]]:
        subprocess.run([*git, *command], cwd=work, check=True, capture_output=True)
    subprocess.run([*git, "clone", "-q", "--bare", work, site / "repo.git"], check=True, capture_output=True)
    subprocess.run([*git, "update-server-info"], cwd=site / "repo.git", check=True, capture_output=True)
    shutil.rmtree(work)


def answer(query, count):
    """The answer to a DNS query, RFC 1035."""
    labels, at = [], 12
    while query[at]:
        labels.append(query[at + 1:at + 1 + query[at]].decode("latin-1").lower())
        at += query[at] + 1
    name, kind = ".".join(labels), struct.unpack(">H", query[at + 1:at + 3])[0]
    addresses = ADDRESSES.get(name, [])
    if name == "rebind.test":
        addresses = [HOST4 if kind == 1 and count(name) % 2 else "127.0.0.1"]
    records, owner = b"", b"\xc0\x0c"
    if addresses and addresses[0].startswith("="):
        to = b"".join(bytes([len(label)]) + label.encode() for label in addresses[0][1:].split(".")) + b"\0"
        records = owner + struct.pack(">HHIH", 5, 1, 0, len(to)) + to
        owner, addresses = to, ADDRESSES[addresses[0][1:]]
    found = [socket.inet_pton(socket.AF_INET6 if kind == 28 else socket.AF_INET, a) for a in addresses if (":" in a) == (kind == 28) and kind in (1, 28)]
    for a in found:
        records += owner + struct.pack(">HHIH", kind, 1, 0, len(a)) + a
    known = name in ADDRESSES or name == "rebind.test"
    return query[:2] + struct.pack(">HHHHH", 0x8580 if known else 0x8583, 1, len(found) + (1 if owner != b"\xc0\x0c" else 0), 0, 0) + query[12:at + 5] + records


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves the site, redirects, and sends how it was asked."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/elsewhere":
            self.send_response(302)
            self.send_header("Location", "http://other.test/hello")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        super().do_GET()

    def log_message(self, *_):
        pass


class Server(socketserver.ThreadingTCPServer):
    address_family, allow_reuse_address, daemon_threads = socket.AF_INET6, True, True


def serve(place):
    """The other machine."""
    counts = {}

    def count(name):
        counts[name] = counts.get(name, 0) + 1
        return counts[name]

    names = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    names.bind((HOST4, 53))
    os.chdir(place / "site")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(place / "host.pem", place / "host.key")
    secure = Server(("::", 443), Handler)
    secure.socket = context.wrap_socket(secure.socket, server_side=True, do_handshake_on_connect=False)
    for server in [Server(("::", 80), Handler), Server(("::", 8080), Handler), secure]:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    print("serving", flush=True)
    while True:
        query, client = names.recvfrom(4096)
        names.sendto(answer(query, count), client)


if __name__ == "__main__":
    serve(pathlib.Path(sys.argv[2]))
