package rehearse

import (
	"fmt"
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

	// Secrets are variables that look as if they were secrets. Whoever wants to pass
	// them does it by hand.
	Secrets []string `json:"secrets"`

	// Again says that the twin has to be made again: its base, or what its interpreter
	// reads, is another than when it was made.
	Again bool `json:"update"`
}

// NeedsOf puts together what notebooks lacked.
func NeedsOf(reports []*Report, twin *kernelspec.Twin) Needs {
	n := Needs{Mounts: []string{}, Variables: []string{}, Secrets: []string{}}
	differs := false
	for _, r := range reports {
		differs = differs || r.Verdict == Differs
		for _, c := range r.Cells {
			for _, name := range c.Variables {
				list := &n.Variables
				if secret.MatchString(name) {
					list = &n.Secrets
				}
				if !slices.Contains(*list, name) {
					*list = append(*list, name)
				}
			}
		}
	}
	n.Again = differs && slices.Contains([]kernelspec.State{kernelspec.NeedsMore, kernelspec.BaseChanged}, twin.State)
	return n
}

// secret is what the names of variables with secrets have.
var secret = regexp.MustCompile(`(?i)token|secret|passw|key|credential|auth|cookie`)

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
func (n Needs) Command(twin string) string {
	words := []string{"isolate-kernelspec update", text.Quote(twin)}
	for _, o := range n.Options() {
		words = append(words, o.String())
	}
	return strings.Join(words, " ")
}

// Text says what would help; it may be empty.
func (n Needs) Text(twin string) string {
	var b strings.Builder
	for _, name := range n.Secrets {
		fmt.Fprintf(&b, "%s is set here and not passed to the twin; it may be a secret: isolate-kernelspec update %s --env %s passes it\n", name, twin, name)
	}
	if !n.Empty() {
		fmt.Fprintf(&b, "to mend it: %s\n", n.Command(twin))
	}
	return b.String()
}
