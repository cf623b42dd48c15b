package verify

import (
	"embed"
	"strings"
)

// A dialect is how a language does what verify tries.
type dialect struct {
	languages []string // as kernel.json has them, in small letters
	hello     string   // a cell that prints 6*7
	input     string   // a cell that asks for a line and prints it; empty: the language can't
	forever   string   // a cell that doesn't end by itself
	probes    string   // the file of its program, below probes/
	source    string   // a cell that runs the file of the name %s; empty: the program is a cell
}

// A probe is what a program could want, and what is said if it gets that and if
// it doesn't.
type probe struct{ Name, Open, Held string }

// probes are tried in this order.
var probes = []probe{
	{"read", "reads a file outside of its directory", "reads no file outside of its directory"},
	{"write", "writes a file outside of its directory", "writes no file outside of its directory"},
	{"keys", "sees the connection files of other kernels", "sees no other kernel's connection file"},
	{"processes", "sees other processes", "sees no other process"},
	{"environment", "finds a secret in the environment of a process", "finds no secret in any process's environment"},
	{"network", "connects to a service on this machine", "connects to no service on this machine"},
	{"privileges", "has privileges or could gain some", "has no privileges and can gain none"},
}

//go:embed probes
var programs embed.FS

// dialects are the languages whose kernels can be probed.
var dialects = []dialect{
	{
		languages: []string{"python"},
		hello:     `print(6*7)`,
		input:     `print("got", input("line?"))`,
		forever:   "import time\nwhile True:\n    time.sleep(0.05)",
		probes:    "python.py",
	},
	{
		languages: []string{"r"},
		hello:     `cat(6*7, "\n")`,
		input:     `cat("got", readline("line?"), "\n")`,
		forever:   `while (TRUE) Sys.sleep(0.05)`,
		probes:    "r.R",
	},
	{
		languages: []string{"julia"},
		hello:     `println(6*7)`,
		input:     `println("got ", readline())`,
		forever:   "while true\n    sleep(0.05)\nend",
		probes:    "julia.jl",
	},
	{
		languages: []string{"octave"},
		hello:     `disp(6*7)`,
		input:     `printf("got %s\n", input("line?", "s"))`,
		forever:   "while true\n  pause(0.05);\nend",
		probes:    "octave.m",
		source:    `source("%s")`, // Debian's kernel takes a second for forty letters of a cell
	},
	{
		languages: []string{"javascript", "typescript"},
		hello:     `console.log(6*7)`,
		forever:   `for (;;) await new Promise((r) => setTimeout(r, 50))`,
		probes:    "javascript.js",
	},
	{
		languages: []string{"bash"},
		hello:     `echo $((6*7))`,
		forever:   `while true; do sleep 0.05; done`,
		probes:    "bash.sh",
	},
}

// dialectOf returns the dialect of a language, or nil.
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

// program returns a program that prints a line "probe NAME open" for each probe
// that succeeds and "probe NAME held" for each other. Each %NAME% in its file
// stands for a string in quotes, which has no quotes or backslashes in it.
func (d *dialect) program(values map[string]string) (string, error) {
	text, err := programs.ReadFile("probes/" + d.probes)
	if err != nil {
		return "", err
	}

	var pairs []string
	for name, value := range values {
		pairs = append(pairs, "%"+name+"%", `"`+value+`"`)
	}
	return strings.NewReplacer(pairs...).Replace(string(text)), nil
}
