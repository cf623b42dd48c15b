package rehearse

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	"isolate-namespace/internal/kernelargv"
	"isolate-namespace/internal/text"
	"isolate-namespace/kernelspec"
)

// Needs are what a twin would have to be given so that nothing differs, as far as
// that is known.
type Needs struct {
	Mounts    []string `json:"mounts"`    // entries of --mount
	Variables []string `json:"variables"` // names for --env

	// Writable are entries that let every notebook change what they show. Whoever wants
	// that adds them by hand.
	Writable []string `json:"writable"`

	// Secrets are variables that look as if they were secrets. Whoever wants to pass
	// them does it by hand.
	Secrets []string `json:"secrets"`

	// Again says that the twin has to be made again: its base, or what its interpreter
	// reads, is another than when it was made.
	Again bool `json:"update"`

	missed  Missed // by all notebooks that differ
	differs bool
}

// NeedsOf puts together what notebooks lacked.
func NeedsOf(reports []*Report, twin *kernelspec.Twin) Needs {
	n := Needs{Mounts: []string{}, Variables: []string{}, Writable: []string{}, Secrets: []string{}}
	for _, r := range reports {
		n.differs = n.differs || r.Verdict == Differs
		n.missed.merge(r.Missed)
		for _, c := range r.Cells {
			for _, name := range c.Variables {
				if isSecret(name, os.Getenv(name)) {
					n.Secrets = with(n.Secrets, name)
				} else {
					n.Variables = with(n.Variables, name)
				}
			}
		}
	}
	for _, g := range n.missed.Groups {
		switch {
		case g.Entry == nil:
		case g.changes():
			n.Writable = append(n.Writable, *g.Entry)
		default:
			n.Mounts = append(n.Mounts, *g.Entry)
		}
	}
	n.Again = n.differs && slices.Contains([]kernelspec.State{kernelspec.NeedsMore, kernelspec.BaseChanged}, twin.State)
	return n
}

func with(list []string, name string) []string {
	if slices.Contains(list, name) {
		return list
	}
	return append(list, name)
}

var (
	// secret is what the names of variables with secrets have.
	secret = regexp.MustCompile(`(?i)token|secret|pass|pwd|key|cred|auth|cookie|private|session|signature|dsn|_pat$|_sas$`)

	// withPassword is a URL with a user and a password, or a list of settings with one.
	withPassword = regexp.MustCompile(`(?i)://[^/@\s]*:[^/\s]*@|passw(or)?d|pwd=|accountkey=`)
)

// isSecret reports whether a variable looks as if it were a secret.
func isSecret(name, value string) bool {
	return secret.MatchString(name) || withPassword.MatchString(value)
}

// Empty reports whether nothing would help, or nothing is known to.
func (n Needs) Empty() bool { return len(n.Mounts) == 0 && len(n.Variables) == 0 && !n.Again }

// Options returns the options that an update adds.
func (n Needs) Options() (options kernelargv.Options) {
	for _, entry := range n.Mounts {
		options = append(options, kernelargv.New("--mount", entry))
	}
	for _, name := range n.Variables {
		options = append(options, kernelargv.New("--env", name))
	}
	return options
}

// Command returns the command that gives a twin what it needs.
func (n Needs) Command(twin string) string { return command(twin, n.Options()) }

func command(twin string, options kernelargv.Options) string {
	words := []string{"isolate-kernelspec update", text.Quote(twin)}
	for _, o := range options {
		words = append(words, o.String())
	}
	return strings.Join(words, " ")
}

// Text says what was missed, and what would help; it may be empty.
func (n Needs) Text(twin string) string {
	var b strings.Builder
	line := func(format string, args ...any) { b.WriteString(text.Line(fmt.Sprintf(format, args...)) + "\n") }
	for _, missing := range n.missed.lines(twin) {
		line("%s", missing)
	}
	for _, entry := range n.Writable {
		line("students' notebooks could change what this shows: %s", command(twin, kernelargv.Options{kernelargv.New("--mount", entry)}))
	}
	for _, name := range n.Secrets {
		line("%s is set here and may be a secret: %s passes it to students' notebooks, too", name, command(twin, kernelargv.Options{kernelargv.New("--env", name)}))
	}
	if !n.Empty() {
		line("to mend it: %s", n.Command(twin))
	}
	return b.String()
}
