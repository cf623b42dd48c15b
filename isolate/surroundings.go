package isolate

import (
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"isolate-namespace/internal/place"
	"isolate-namespace/isolate/internal/calls"
	"isolate-namespace/isolate/internal/initproc"
)

// Surroundings are the place where sandboxes are to be made, and what it withholds
// from them.
type Surroundings struct {
	place.Place

	// Refused are the names of the system calls that a filter refuses, of those that
	// every sandbox needs, and "another" for one that isn't known by name. Whether it
	// refuses pivot_root(2) can't be found out beforehand, unless it kills for that.
	Refused []string
}

// LookAround looks where the caller runs, and tries what a filter refuses there.
func LookAround() *Surroundings {
	s := &Surroundings{Place: place.Here()}
	if s.Filtered {
		s.Refused = refusedCalls()
	}
	if s.Masks != nil && s.Profile == "" && canMakeProc() {
		s.Masks = nil // a whole one is visible elsewhere, which is enough
	}
	return s
}

// canMakeProc reports whether a process file system can be made, all else being
// allowed.
func canMakeProc() bool {
	errno, err := attempt(unix.CLONE_NEWUSER|unix.CLONE_NEWNS|unix.CLONE_NEWPID, func(l *calls.List) {
		(&builder{List: l}).newFS("proc", plain|unix.MOUNT_ATTR_NOEXEC)
	})
	return errno == 0 && err == nil
}

// isFiltered reports whether the caller's system calls are filtered. It takes less time
// than place.Here.
func isFiltered() bool {
	mode, err := unix.PrctlRetInt(unix.PR_GET_SECCOMP, 0, 0, 0, 0)
	return err != nil || mode != 0
}

// refuses reports whether a filter refuses a system call.
func (s *Surroundings) refuses(name string) bool { return slices.Contains(s.Refused, name) }

// landlockCall is the call with which everything of Landlock begins.
const landlockCall = "landlock_create_ruleset"

// refuseSome notes that a filter refuses a call, if none is known that it refuses.
func (s *Surroundings) refuseSome() {
	if s.Refused == nil {
		s.Refused = []string{"another"}
	}
}

// refusesAnyMount reports whether a filter refuses one of the calls that mount.
func (s *Surroundings) refusesAnyMount() bool {
	return slices.ContainsFunc([]string{"mount", "umount2", "open_tree", "mount_setattr"}, s.refuses)
}

// A futileCall is a system call whose arguments make no sense, so that it does
// nothing, or one that asks for a version. The kernel answers by one of errnos, and
// any other error is a filter's.
type futileCall struct {
	name   string
	number uintptr
	args   []calls.Arg
	errnos []unix.Errno // none: it is only refused if the filter kills for it
}

func futileCalls() []futileCall {
	unknownFlags := calls.Num(^uint32(0) >> 1)
	none, nowhere := calls.Num(0), calls.Num(-1)
	all := uintptr(namespaces | unix.CLONE_NEWNET | unix.CLONE_FS)
	const version = unix.LANDLOCK_CREATE_RULESET_VERSION
	return []futileCall{
		// No process in another mount namespace has the same working directory.
		{"clone", unix.SYS_CLONE, []calls.Arg{calls.Num(all), none, none, none, none}, []unix.Errno{unix.EINVAL}},
		{"openat2", unix.SYS_OPENAT2, []calls.Arg{nowhere, none, none, none}, []unix.Errno{unix.EINVAL}},
		{"mount", unix.SYS_MOUNT, []calls.Arg{none, none, none, none, none}, []unix.Errno{unix.EFAULT}},
		{"umount2", unix.SYS_UMOUNT2, []calls.Arg{none, unknownFlags}, []unix.Errno{unix.EINVAL}},
		{"open_tree", unix.SYS_OPEN_TREE, []calls.Arg{nowhere, none, unknownFlags}, []unix.Errno{unix.EINVAL}},
		{"mount_setattr", unix.SYS_MOUNT_SETATTR, []calls.Arg{nowhere, none, unknownFlags, none, none}, []unix.Errno{unix.EINVAL}},
		{"pivot_root", unix.SYS_PIVOT_ROOT, []calls.Arg{none, none}, nil},
		{landlockCall, unix.SYS_LANDLOCK_CREATE_RULESET, []calls.Arg{none, none, calls.Num(version)}, []unix.Errno{0, unix.EOPNOTSUPP, unix.ENOSYS}},
		{"seccomp", unix.SYS_SECCOMP, []calls.Arg{calls.Num(unix.SECCOMP_SET_MODE_FILTER), none, none}, []unix.Errno{unix.EFAULT}},
		{"capset", unix.SYS_CAPSET, []calls.Arg{none, none}, []unix.Errno{unix.EFAULT}},
		{"keyctl", unix.SYS_KEYCTL, []calls.Arg{nowhere}, nil},
	}
}

// refusedCalls returns the names of the calls that a filter refuses.
func refusedCalls() (names []string) {
	for _, c := range futileCalls() {
		errno, err := attempt(0, func(l *calls.List) { l.Do(calls.Try.Of(c.name), c.number, c.args...) })
		killed := errors.Is(err, errBadCall)
		refused := err == nil && c.errnos != nil && !slices.Contains(c.errnos, errno)
		if killed || refused && (errno != unix.ENOSYS || isLinux(5, 12)) {
			names = append(names, c.name)
		}
	}
	return names
}

// errBadCall says that a filter has killed the process that tried a call.
var errBadCall = errors.New("a filter of system calls killed the process")

// attempt carries out calls in a fork in namespaces of flags, which then ends. It
// returns the error of the first call that fails, or 0. The other error is errBadCall,
// or says why nothing could be tried.
func attempt(flags uintptr, write func(l *calls.List)) (unix.Errno, error) {
	ours, theirs, err := initproc.Pair()
	if err != nil {
		return 0, err
	}
	defer unix.Close(ours)

	var p initproc.Process
	p.Control = theirs
	dumpNothing(&p.Setup)
	write(&p.Setup)
	p.Setup.Do(calls.Try.Of("end"), unix.SYS_EXIT_GROUP, calls.Num(0))
	p.Complete()
	gone := make(chan struct{})
	defer close(gone)
	pidfd, errno := fork(&p, flags, gone)
	unix.Close(theirs)
	if errno != 0 {
		return 0, errno
	}

	status, _ := initproc.Wait(pidfd)
	unix.Close(pidfd)
	var m initproc.Message
	_, err = initproc.Receive(ours, &m, 1)
	switch {
	case status.Signaled() && status.Signal() == unix.SIGSYS:
		return 0, errBadCall
	case status.Exited() && status.ExitStatus() == 0:
		return 0, nil
	case err != nil || m.Kind != initproc.SetupFailed:
		return 0, fmt.Errorf("the process that was to try ended by %v", status)
	}
	return unix.Errno(m.Value), nil
}

// isLinux reports whether the running kernel has at least this version.
func isLinux(major, minor int) bool {
	var name unix.Utsname
	if unix.Uname(&name) != nil {
		return false
	}
	var a, b int
	fmt.Sscanf(unix.ByteSliceToString(name.Release[:]), "%d.%d", &a, &b)
	return a > major || a == major && b >= minor
}
