package errorkernel

import (
	"strings"

	"isolate-namespace/internal/remedy"
	"isolate-namespace/internal/text"
)

// A Reason is why no kernel runs, for a person to read.
type Reason struct {
	name   string // what the error is called, like an exception
	what   string // what happened
	cause  string
	remedy string // what to do about it; may be empty
	after  string // what happens next
}

// NoSandbox returns the reason of a kernel that was not started. The remedy may be
// empty.
func NoSandbox(cause, remedy string) Reason {
	return Reason{
		name:  "SandboxError",
		what:  "no code was run, because this kernel's sandbox could not be made",
		cause: cause, remedy: remedy,
		after: "When you have fixed it, restart the kernel.",
	}
}

// Killed returns the reason of a kernel that reached a limit, such as "the memory
// limit of 64M (--memory)".
func Killed(limit string) Reason {
	return Reason{
		name:   "KernelKilled",
		what:   "the kernel was killed while it ran this cell",
		cause:  "it reached " + limit,
		remedy: remedy.RaiseLimit,
		after:  "A new kernel takes its place; the old one's variables are lost.",
	}
}

// content returns the members of a failed reply.
func (r Reason) content() map[string]any {
	content := r.output()
	content["status"] = "error"
	return content
}

// output returns the content of an error message.
func (r Reason) output() map[string]any {
	value := text.Line(r.cause)
	if r.remedy != "" {
		value += "; " + text.Line(r.remedy)
	}
	return map[string]any{"ename": r.name, "evalue": value, "traceback": r.lines(red, bold)}
}

// plain returns the text without colours.
func (r Reason) plain() string {
	same := func(text string) string { return text }
	return strings.Join(r.lines(same, same), "\n")
}

// lines returns the text, which front ends show as it is. They know the colours of
// terminals and wrap long lines.
func (r Reason) lines(name, cause func(string) string) []string {
	lines := []string{name(r.name) + ": " + r.what + ".", "", "  " + cause(text.Line(r.cause)), ""}
	if r.remedy != "" {
		lines = append(lines, "What to do: "+text.Line(r.remedy)+".")
	}
	return append(lines, r.after)
}

func red(text string) string  { return "\x1b[1;31m" + text + "\x1b[0m" }
func bold(text string) string { return "\x1b[1m" + text + "\x1b[0m" }
