package text

// maxTail is enough for the last words of any program, in bytes.
const maxTail = 64 << 10

// A Tail keeps the end of what is written to it, up to 64 KiB. Its zero value is
// empty.
type Tail struct{ kept []byte }

// Write adds data to the end. It never fails.
func (t *Tail) Write(data []byte) (int, error) {
	last := data[max(0, len(data)-maxTail):]
	if over := len(t.kept) + len(last) - maxTail; over > 0 {
		t.kept = t.kept[:copy(t.kept, t.kept[over:])]
	}
	t.kept = append(t.kept, last...)
	return len(data), nil
}

// String returns the end.
func (t *Tail) String() string { return string(t.kept) }
