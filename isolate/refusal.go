package isolate

import (
	"fmt"

	"isolate-namespace/internal/door"
)

// A Refusal says what a program could not reach outside. Each is told once.
type Refusal struct {
	Kind  Kind   // the kind of refusal; may be empty
	About string // what Kind is about
	text  string
}

func (r Refusal) Error() string { return r.text }

func newRefusal(r door.Refusal) Refusal {
	refusal := func(kind Kind, format string, args ...any) Refusal {
		return Refusal{kind, r.What, fmt.Sprintf(format, args...)}
	}
	switch r.Reason {
	case door.NotAllowed:
		return refusal(KindNotAllowed, "refused: %s", r.What)
	case door.NotConnected:
		return refusal(KindNotConnected, "refused: %s", r.What)
	case door.NotPublic:
		return refusal(KindNotPublic, "refused: %s has the address %s, which isn't public", r.What, r.Detail)
	case door.Unreachable:
		return refusal("", "%s can't be reached: %s", r.What, r.Detail)
	case door.NoMoreNames:
		return refusal(KindNoMoreNames, "refused: %s, since %s names below wildcards were asked for before", r.What, r.Detail)
	case door.TooMany:
		return refusal("", "%s connections are open, and others wait", r.Detail)
	case door.CutOff:
		return refusal("", "%s did not take everything that was sent before the end", r.What)
	case door.NotTold:
		return refusal("", "what else is refused isn't told")
	}
	return refusal("", "nothing outside can be reached any more: %s", r.Detail)
}
