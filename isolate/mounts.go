package isolate

// A Mount shows one file or directory of the host at one path inside. It is
// made by ReadOnly, Writable, CopyOnWrite, Masked or Private.
type Mount struct {
	// Source is the path outside, a relative one as seen from the caller's working
	// directory. Empty for Masked and Private, unless they are Wherever.
	Source string
	// Target is the absolute path inside. Empty means Source.
	Target string
	// Access defaults to AccessReadOnly.
	Access Access
	// Optional skips the mount when the source does not exist; without it
	// that is an error.
	Optional bool
	// Wherever puts the mount at every place at which another mount, or the
	// base, shows Source in what it shows, by whatever name of Source; Target
	// doesn't count. A read-only one is put where Source could be written to.
	// A source that isn't shown, or doesn't exist, needs no mount; a mount of Source
	// itself, or of what is below it, stays.
	Wherever bool
}

// Access says what a mount lets the program do.
type Access int

// What a mount lets the program do.
const (
	AccessReadOnly    Access = iota // ReadOnly
	AccessWritable                  // Writable
	AccessCopyOnWrite               // CopyOnWrite
	AccessMasked                    // Masked
	AccessPrivate                   // Private
)

// ReadOnly shows a file or directory, and everything mounted below it,
// unchangeable.
func ReadOnly(source string) Mount { return Mount{Source: source, Access: AccessReadOnly} }

// Writable shows a file or directory as it is: changes reach the host.
func Writable(source string) Mount { return Mount{Source: source, Access: AccessWritable} }

// CopyOnWrite shows a directory whose changes stay in the sandbox, and end with
// it unless the policy has a CowDir.
func CopyOnWrite(source string) Mount { return Mount{Source: source, Access: AccessCopyOnWrite} }

// Masked covers a path inside with an empty file or an empty directory that
// can't be changed. What isn't there needs no mask.
func Masked(target string) Mount { return Mount{Target: target, Access: AccessMasked} }

// Private makes an empty, writable directory of the sandbox's own, whose content ends
// with the sandbox.
func Private(target string) Mount { return Mount{Target: target, Access: AccessPrivate} }

// At returns the mount for another path inside.
func (m Mount) At(target string) Mount {
	m.Target = target
	return m
}

// IfExists returns the mount for a source that may be missing.
func (m Mount) IfExists() Mount {
	m.Optional = true
	return m
}

// WhereverShown returns the mount for every place at which others show its
// path outside, in place of one path inside.
func (m Mount) WhereverShown() Mount {
	if m.Source == "" {
		m.Source = m.Target
	}
	m.Target, m.Wherever = "", true
	return m
}
