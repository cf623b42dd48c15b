import glob, os, socket
def probe(name, attempt):
    try:
        result = attempt()
    except Exception:
        result = False
    print("probe", name, "open" if result else "held")
def contains(pattern, text):
    found = False
    for path in glob.glob(pattern):
        try:
            with open(path, "rb") as f:
                found = found or text.encode() in f.read()
        except OSError:
            pass
    return found
def write(path):
    with open(path, "w") as f:
        f.write("x")
    return True
def privileged():
    status = dict(line.split(":\t", 1) for line in open("/proc/self/status").read().splitlines() if ":\t" in line)
    return int(status["CapEff"], 16) != 0 or int(status["CapBnd"], 16) != 0 or status["NoNewPrivs"].strip() != "1"
probe("read", lambda: open(%SECRET%).read())
probe("write", lambda: write(%TARGET%))
probe("keys", lambda: os.path.exists(%KEYS%))
probe("processes", lambda: contains("/proc/[0-9]*/cmdline", %DECOY%))
probe("environment", lambda: contains("/proc/[0-9]*/environ", %TOKEN%))
probe("network", lambda: socket.create_connection(("127.0.0.1", int(%PORT%)), 3))
probe("privileges", privileged)
