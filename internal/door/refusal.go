package door

import (
	"errors"
	"fmt"
	"strings"
)

// A Refusal says what a program could not reach: a line that isolate-network writes to
// whoever started it.
type Refusal struct {
	Reason Reason
	What   string // a name, or an address or name with a port
	Detail string
}

// A Reason is why something was not reached.
type Reason string

// The reasons.
const (
	NotAllowed   Reason = "not-allowed"   // What is a name, or a name with a port
	NotConnected Reason = "not-connected" // What is an address with a port
	NotPublic    Reason = "not-public"    // Detail is the address that What has
	Unreachable  Reason = "unreachable"   // Detail says why
	NoMoreNames  Reason = "no-more-names" // Detail is how many there are
	TooMany      Reason = "too-many"      // Detail is how many connections there are
	CutOff       Reason = "cut-off"       // What didn't receive everything before the end
	NotTold      Reason = "not-told"      // more is refused and not told
	Gone         Reason = "gone"          // isolate-network itself; Detail says how it ended
)

// String returns the refusal as a line, without its end.
func (r Refusal) String() string {
	return fmt.Sprintf("%s\t%s\t%s", r.Reason, r.What, strings.NewReplacer("\t", " ", "\n", " ").Replace(r.Detail))
}

// ParseRefusal is the opposite of String.
func ParseRefusal(line string) (Refusal, error) {
	parts := strings.Split(line, "\t")
	if len(parts) != 3 {
		return Refusal{}, errors.New("not a refusal")
	}
	return Refusal{Reason(parts[0]), parts[1], parts[2]}, nil
}
