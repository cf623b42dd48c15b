package kernelspec

import "errors"

// An Error says what can't be done and what would help, each in one line.
type Error struct{ Reason, Remedy string }

func (e *Error) Error() string { return e.Reason }

// Remedy returns the remedy that belongs to err, or "".
func Remedy(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.Remedy
	}
	return ""
}

// Untried is the error of Options.Try if it could not be found out whether a
// kernel starts.
type Untried struct{ Reason string }

func (e *Untried) Error() string { return e.Reason }
