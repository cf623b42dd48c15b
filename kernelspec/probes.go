package kernelspec

import "strings"

// A dialect is how a language does what verify tries. Each %NAME% in a program
// stands for a string without quotes or backslashes, in quotes.
type dialect struct {
	languages []string // as kernel.json has them, in small letters
	hello     string   // prints 6*7
	input     string   // asks for a line and prints it; empty: it can't
	forever   string   // doesn't end by itself
	// probes prints a line "probe NAME open" for each of Probes that it
	// manages to do, "probe NAME held" for each other.
	probes string
}

// A Probe is what a program could want, and what is said when it got it and
// when it didn't.
type Probe struct{ Name, Open, Held string }

// Probes are what is tried, in order.
var Probes = []Probe{
	{"read", "reads a file outside of its directory", "reads no file outside of its directory"},
	{"write", "writes a file outside of its directory", "writes no file outside of its directory"},
	{"keys", "sees the connection files of other kernels", "sees no other kernel's connection file"},
	{"processes", "sees other processes", "sees no other process"},
	{"environment", "finds a secret in the environment of a process", "finds no secret in any process's environment"},
	{"network", "connects to a service on this machine", "connects to no service on this machine"},
	{"privileges", "has privileges or could gain some", "has no privileges and can gain none"},
}

// dialects are the languages whose kernels can be probed.
var dialects = []dialect{
	{
		languages: []string{"python"},
		hello:     `print(6*7)`,
		input:     `print("got", input("line?"))`,
		forever:   "import time\nwhile True:\n    time.sleep(0.05)",
		probes: `
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
`,
	},
	{
		languages: []string{"r"},
		hello:     `cat(6*7, "\n")`,
		input:     `cat("got", readline("line?"), "\n")`,
		forever:   `while (TRUE) Sys.sleep(0.05)`,
		probes: `
probe <- function(name, attempt) {
  result <- tryCatch(suppressWarnings(isTRUE(attempt())), error = function(e) FALSE)
  cat("probe", name, if (result) "open" else "held", "\n")
}
contains <- function(pattern, text) any(vapply(Sys.glob(pattern), function(path) tryCatch(suppressWarnings({
  bytes <- readBin(path, "raw", 100000)
  bytes[bytes == 0] <- as.raw(32)
  grepl(text, rawToChar(bytes), fixed = TRUE, useBytes = TRUE)
}), error = function(e) FALSE), logical(1)))
status <- function(key) sub(".*\t", "", grep(paste0("^", key, ":"), readLines("/proc/self/status"), value = TRUE))
probe("read", function() length(readLines(%SECRET%)) > 0)
probe("write", function() { cat("x", file = %TARGET%); file.exists(%TARGET%) })
probe("keys", function() file.exists(%KEYS%))
probe("processes", function() contains("/proc/[0-9]*/cmdline", %DECOY%))
probe("environment", function() contains("/proc/[0-9]*/environ", %TOKEN%))
probe("network", function() { s <- socketConnection("127.0.0.1", as.integer(%PORT%), open = "r+", timeout = 3); close(s); TRUE })
probe("privileges", function() !grepl("^0+$", status("CapEff")) || !grepl("^0+$", status("CapBnd")) || status("NoNewPrivs") != "1")
`,
	},
	{
		languages: []string{"javascript", "typescript"},
		hello:     `console.log(6*7)`,
		forever:   `for (;;) await new Promise((r) => setTimeout(r, 50))`,
		probes: `
const fs = await import("node:fs"), net = await import("node:net"), processes = await import("node:child_process");
async function probe(name: any, attempt: any) {
  let result = false;
  try { result = await attempt(); } catch { }
  console.log("probe " + name + (result ? " open" : " held"));
}
const contains = (file: any, text: any) => fs.readdirSync("/proc").some((pid: any) => {
  try { return fs.readFileSync("/proc/" + pid + "/" + file, "utf8").includes(text); } catch { return false; }
});
const status = (key: any) => processes.execFileSync("cat", ["/proc/self/status"], { encoding: "utf8" }).split("\n").find((line: any) => line.startsWith(key + ":")).split("\t")[1];
await probe("read", () => fs.readFileSync(%SECRET%, "utf8").length > 0);
await probe("write", () => { fs.writeFileSync(%TARGET%, "x"); return true; });
await probe("keys", () => fs.existsSync(%KEYS%));
await probe("processes", () => contains("cmdline", %DECOY%));
await probe("environment", () => contains("environ", %TOKEN%));
await probe("network", () => new Promise((done) => {
  const s = net.connect(Number(%PORT%), "127.0.0.1", () => { s.destroy(); done(true); });
  s.on("error", () => done(false));
}));
await probe("privileges", () => Number("0x" + status("CapEff")) != 0 || Number("0x" + status("CapBnd")) != 0 || status("NoNewPrivs") != "1");
`,
	},
	{
		languages: []string{"bash"},
		hello:     `echo $((6*7))`,
		forever:   `while true; do sleep 0.05; done`,
		probes: `
probe() { if "${@:2}" >/dev/null 2>&1; then echo "probe $1 open"; else echo "probe $1 held"; fi; }
contains() { for f in $1; do while IFS= read -r -d '' x || [ -n "$x" ]; do case $x in *"$2"*) return 0;; esac; done <"$f"; done; return 1; }
exists() { [ -e "$1" ]; }
slurp() { read -r x <"$1"; }
put() { echo x >"$1"; }
privileged() { while read -r k v; do case $k in CapEff:|CapBnd:) [ "${v//0/}" = "" ] || return 0;; NoNewPrivs:) [ "$v" = 1 ] || return 0;; esac; done </proc/self/status; return 1; }
tcp() { (exec 3<>"/dev/tcp/127.0.0.1/$1"); }
probe read slurp %SECRET%
probe write put %TARGET%
probe keys exists %KEYS%
probe processes contains "/proc/[0-9]*/cmdline" %DECOY%
probe environment contains "/proc/[0-9]*/environ" %TOKEN%
probe network tcp %PORT%
probe privileges privileged
`,
	},
}

// dialectOf is the dialect of a language, or nil.
func dialectOf(language string) *dialect {
	for i, d := range dialects {
		for _, known := range d.languages {
			if strings.EqualFold(language, known) {
				return &dialects[i]
			}
		}
	}
	return nil
}

// program is the probes' program with the strings put in.
func (d *dialect) program(values map[string]string) string {
	var pairs []string
	for name, value := range values {
		pairs = append(pairs, "%"+name+"%", `"`+value+`"`)
	}
	return strings.NewReplacer(pairs...).Replace(d.probes)
}
