package isolate

import (
	"errors"
	"slices"

	"golang.org/x/sys/unix"

	"isolate-namespace/isolate/internal/calls"
)

// noDomain is the kernel's word for no domain name.
const noDomain = "(none)"

// keepNames fills in the host name. Where a filter keeps a name from being set that
// wasn't asked for, the sandbox keeps the caller's; one that was is an error. It is
// tried in a process of its own, so that the files inside can have the same name.
func (p *Policy) keepNames() error {
	byDefault := p.Hostname == ""
	if byDefault {
		p.Hostname = "isolated"
	}
	if !isFiltered() {
		return nil
	}

	p.keptNames = nil
	host, domain := callersNames()
	if isRefused(calls.SetHostname, unix.SYS_SETHOSTNAME, p.Hostname) {
		if !byDefault {
			return &SetupError{Doing: calls.SetHostname.String(), Path: p.Hostname, Kind: KindHostname,
				Err: errors.New("a filter of system calls forbids that")}
		}
		p.Hostname = host
		p.keptNames = append(p.keptNames, keptHost)
	}
	if domain != noDomain && isRefused(calls.ClearDomain, unix.SYS_SETDOMAINNAME, noDomain) {
		p.keptNames = append(p.keptNames, keptDomain)
	}
	return nil
}

// callersNames returns the names that a new sandbox begins with.
func callersNames() (host, domain string) {
	var own unix.Utsname
	if unix.Uname(&own) != nil {
		return "", ""
	}
	return unix.ByteSliceToString(own.Nodename[:]), unix.ByteSliceToString(own.Domainname[:])
}

// Names of a machine, as Report.KeptNames has them.
const (
	keptHost   = "hostname"
	keptDomain = "domainname"
)

// isRefused reports whether a name can't be set in namespaces in which everything
// else can be done.
func isRefused(step calls.Step, number uintptr, name string) bool {
	errno, err := attempt(unix.CLONE_NEWUSER|unix.CLONE_NEWUTS, func(l *calls.List) {
		l.Do(step.Of(name), number, l.Str(name), calls.Num(len(name)))
	})
	return errno != 0 || err == errBadCall
}

// nameHost appends the calls that set the sandbox's names.
func nameHost(l *calls.List, p *Policy) {
	set := func(step calls.Step, number uintptr, name string) {
		l.Do(step.Of(name), number, l.Str(name), calls.Num(len(name)))
	}
	if !slices.Contains(p.keptNames, keptHost) {
		set(calls.SetHostname, unix.SYS_SETHOSTNAME, p.Hostname)
	}
	if _, domain := callersNames(); domain != noDomain && !slices.Contains(p.keptNames, keptDomain) {
		set(calls.ClearDomain, unix.SYS_SETDOMAINNAME, noDomain)
	}
}
