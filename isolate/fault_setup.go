package isolate

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"isolate-namespace/isolate/internal/calls"
)

// explainClone says why the kernel made no namespaces. The kernel returns one of a few
// error numbers for a dozen reasons, so explainClone looks at the settings and the
// place, the most specific first.
func explainClone(p *Policy, errno unix.Errno) error {
	e := &SetupError{Doing: "make namespaces", Err: errno}
	s := p.lookAround()
	switch {
	case s.GVisor:
		return onGVisor(e, s)
	case sysctl("user/max_user_namespaces") == "0" && nested():
		e.Err = errors.New("this already runs in a sandbox that forbids another one inside")
		e.Kind = KindNested
	case sysctl("user/max_user_namespaces") == "0":
		e.Err = errors.New("user.max_user_namespaces is 0")
		e.Kind, e.About = KindSettingZero, "user.max_user_namespaces"
	case sysctl("kernel/unprivileged_userns_clone") == "0" && os.Geteuid() != 0:
		e.Err = errors.New("kernel.unprivileged_userns_clone is 0")
		e.Kind, e.About = KindSettingOff, "kernel.unprivileged_userns_clone"
	case s.refuses("clone"):
		e.Err = errors.New("a filter of system calls forbids them")
		e.Kind, e.Where = KindFiltered, s
	case errno == unix.EACCES && s.Profile != "":
		e.Err = fmt.Errorf("the AppArmor profile %s forbids user namespaces", s.Profile)
		e.Kind, e.Where = KindConfined, s
	case appArmorRestricts():
		return appArmor(e)
	case zeroLimit() != "":
		e.Err = errors.New(zeroLimit() + " is 0")
		e.Kind, e.About = KindSettingZero, zeroLimit()
	case errno == unix.ENOSPC || errno == unix.EUSERS:
		e.Err = errors.New("too many namespaces, or 32 of them inside each other")
		e.Kind = KindTooMany
	case errno == unix.EPERM:
		e.Err = errors.New("forbidden here, as in a chroot")
		e.Kind = KindChroot
	case errno == unix.EINVAL || errno == unix.ENOSYS:
		e.Err = errors.New("this kernel has no user namespaces")
		e.Kind = KindNoUserNamespaces
	}

	return e
}

// explainCall says why a step of the set-up failed.
func explainCall(p *Policy, n calls.Note, errno unix.Errno) error {
	if n.Step == calls.LoadListener {
		return noListener(errno)
	}
	e := &SetupError{Doing: n.Step.String(), Path: n.Path, Err: errno}
	denied := errno == unix.EPERM || errno == unix.EACCES
	if denied || errno == unix.ENOSYS {
		if explainByPlace(e, p.lookAround(), n, errno) {
			return e
		}
	}

	switch {
	case denied && appArmorRestricts():
		return appArmor(e)
	case n.Step == calls.EnterGroup:
		e.Kind = KindNoGroup
	case errno == unix.ENOSYS:
		e.Err = errors.New("this kernel is too old")
		e.Kind = KindOldKernel
	case denied && ownerInTheWay(n.Path) != "":
		owner := ownerInTheWay(n.Path)
		e.Err = fmt.Errorf("%w: it belongs to %s, and root has no privilege inside", errno, owner)
		e.Kind, e.About = KindOwner, owner
	case errno == unix.EACCES && n.Step == calls.EnterDirectory:
		e.Kind = KindDirClosed
	case n.Step == calls.EnterDirectory:
		e.Err = errors.New("it is not visible inside")
		e.Kind = KindDirHidden
	case n.Step == calls.CopyFile && (errno == unix.ENOSPC || errno == unix.EDQUOT):
		e.Kind = KindCowSpace
	case n.Step == calls.CopyFile && (errno == unix.ENOENT || errno == unix.ENOTDIR || errno == unix.ELOOP):
		e.Kind = KindVanished // a directory that leads to it
	case errno == unix.EINVAL && n.Step == calls.MountCopy:
		e.Err = errors.New("it has a mount inside, which can't be shown copy-on-write")
		e.Kind = KindCowMounts
	case errno == unix.EINVAL && n.Step == calls.LeaveRoot:
		e.Err = errors.New("the root of this machine can't be left")
		e.Kind = KindRootStays
	case errno == unix.ENOENT && (n.Step == calls.MountSource || n.Step == calls.MountCopy || n.Step == calls.MountAt || n.Step == calls.Mask):
		e.Kind = KindVanished // it was there when the sandbox was planned
	case errno == unix.ETOOMANYREFS:
		e.Err = errors.New("the user's processes have too many descriptors on their way between them")
		e.Kind = KindDescriptors
	case errno == unix.EINVAL && n.Step == calls.MountAt: // a file on a directory, or a directory on a file
		e.Err = errors.New("it became something else meanwhile")
		e.Kind = KindVanished
	case errno == unix.ELOOP:
		e.Err = errors.New("it became a symbolic link meanwhile")
		e.Kind = KindChanged
	}

	return e
}

// explainByPlace says why a step that was denied, or has no system call, failed, if
// that is due to the place. It reports whether it is.
func explainByPlace(e *SetupError, s *Surroundings, n calls.Note, errno unix.Errno) bool {
	denied := errno != unix.ENOSYS
	switch {
	case s.GVisor && !denied:
		onGVisor(e, s)
	case n.Step == calls.SetHostname:
		e.Kind = KindHostname
	case denied && n.Step == calls.MakeFileSystem && n.Path == "proc":
		e.Err = errors.New("parts of /proc are hidden here, and then no other can be made")
		e.Kind, e.Where = KindProcHidden, s
		s.Profile = "" // this far it forbade nothing
	case !denied && s.Filtered && isLinux(5, 12), denied && s.refusesAnyMount(), denied && s.Filtered && n.Step == calls.LeaveRoot:
		e.Err = errors.New("a filter of system calls forbids that")
		e.Kind, e.Where = KindFiltered, s
		if n.Step == calls.LeaveRoot && !s.refuses("pivot_root") {
			s.Refused = append(s.Refused, "pivot_root")
		}
		s.refuseSome()
	case denied && s.Profile != "" && needsPrivilege(n.Step):
		e.Err = fmt.Errorf("the AppArmor profile %s forbids that", s.Profile)
		e.Kind, e.Where = KindConfined, s
	case denied && !appArmorRestricts() && (n.Step == calls.MapUser || n.Step == calls.MapGroup):
		e.Err = errors.New("the caller's user may not be mapped here")
		e.Kind, e.Where = KindUnmappable, s
	default:
		return false
	}
	return true
}

// needsPrivilege reports whether a step needs a privilege that the sandbox's own user
// namespace gives, but for a security module.
func needsPrivilege(s calls.Step) bool {
	switch s {
	case calls.DenySetgroups, calls.MapUser, calls.MapGroup, calls.RaiseLoopback, calls.PrivateMounts, calls.MakeFileSystem,
		calls.AssembleRoot, calls.MountAt, calls.Mask, calls.KeepInPlace, calls.FreezeRoot, calls.LeaveRoot, calls.DropPrivileges:
		return true
	}
	return false
}

// explainKill says why init was killed, if a filter did that.
func explainKill(p *Policy, status unix.WaitStatus) error {
	e := &SetupError{Doing: "make the sandbox", Err: errors.New("init was killed")}
	if status.Signaled() && status.Signal() == unix.SIGSYS {
		e.Err = errors.New("a filter of system calls killed init")
		e.Kind, e.Where = KindFiltered, p.lookAround()
		e.Where.refuseSome()
	}
	return e
}

// noListener is the error for system calls that can't be listened to.
func noListener(errno unix.Errno) error {
	e := &SetupError{Doing: "listen for what the program looks for", Err: errno, Kind: KindListener}
	if errno == unix.EBUSY { // seccomp(2): a process has one listener at most
		e.Err = errors.New("somebody listens already, as in a container or in another sandbox that does")
	}
	return e
}

// onGVisor is the error for what gVisor can't do.
func onGVisor(e *SetupError, s *Surroundings) error {
	e.Err = errors.New("gVisor, which is this container's kernel, can't do that")
	e.Kind, e.Where = KindGVisor, s
	return e
}

// lookAround is LookAround, without what the policy has no need of.
func (p *Policy) lookAround() *Surroundings {
	s := LookAround()
	if p.ShareProc {
		s.Masks, s.OnlyProcesses = nil, false
	}
	return s
}

// isPassing reports whether something changed while the sandbox was made, so that
// it is to be planned once more.
func isPassing(err error) bool {
	var setup *SetupError
	return errors.As(err, &setup) && (setup.Kind == KindMounting || setup.Kind == KindVanished)
}

// ownerInTheWay returns, for root, the user who owns path, or a directory above it,
// and has closed it to others; else "". Inside, root is one of the others.
func ownerInTheWay(path string) string {
	if os.Geteuid() != 0 || !filepath.IsAbs(path) {
		return ""
	}
	for ; path != "/"; path = filepath.Dir(path) {
		var st unix.Stat_t
		if unix.Stat(path, &st) == nil && st.Uid != 0 && st.Mode&0o001 == 0 {
			return userName(int(st.Uid))
		}
	}
	return ""
}

func appArmor(e *SetupError) error {
	e.Err = errors.New("AppArmor restricts user namespaces (kernel.apparmor_restrict_unprivileged_userns is 1)")
	e.Kind = KindAppArmor
	return e
}

func appArmorRestricts() bool {
	return sysctl("kernel/apparmor_restrict_unprivileged_userns") == "1" && os.Geteuid() != 0
}

// zeroLimit returns the first setting that allows no namespace of its kind.
func zeroLimit() string {
	for _, kind := range []string{"mnt", "pid", "net", "ipc", "uts", "cgroup"} {
		if sysctl("user/max_"+kind+"_namespaces") == "0" {
			return "user.max_" + kind + "_namespaces"
		}
	}
	return ""
}

// sysctl returns a setting's value, or "" if the kernel has no such setting.
func sysctl(name string) string {
	value, _ := os.ReadFile("/proc/sys/" + name)
	return string(bytes.TrimSpace(value))
}

// nested reports whether we are in a user namespace other than the first, which maps
// all IDs to themselves.
func nested() bool {
	uids, err := os.ReadFile("/proc/self/uid_map")
	return err == nil && strings.Join(strings.Fields(string(uids)), " ") != "0 0 4294967295"
}
