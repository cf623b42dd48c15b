// Package filtered puts a filter of system calls around a process, as container
// engines and systemd do, and one kernel. It is for tests; nothing of the product
// imports it.
package filtered

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A rule says what becomes of a system call.
type rule struct {
	number uintptr
	answer uint32
	arg    int    // which argument decides, if mask isn't 0
	mask   uint32 // the call is meant if the argument has one of these bits, or is equal
	equal  bool
}

const (
	kill   = uint32(unix.SECCOMP_RET_KILL_PROCESS)
	denied = uint32(unix.SECCOMP_RET_ERRNO) | uint32(unix.EPERM)
	absent = uint32(unix.SECCOMP_RET_ERRNO) | uint32(unix.ENOSYS)
	unfit  = uint32(unix.SECCOMP_RET_ERRNO) | uint32(unix.EINVAL)

	namespaces = unix.CLONE_NEWUSER | unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS | unix.CLONE_NEWCGROUP | unix.CLONE_NEWNET
)

// filters are known by the name of whoever has them.
func filters() map[string][]rule {
	clone := []rule{
		{number: unix.SYS_CLONE, answer: denied, mask: namespaces},
		{number: unix.SYS_CLONE3, answer: absent}, {number: unix.SYS_UNSHARE, answer: denied}, {number: unix.SYS_SETNS, answer: denied},
	}
	names := []rule{{number: unix.SYS_SETHOSTNAME, answer: denied}, {number: unix.SYS_SETDOMAINNAME, answer: denied}}
	mounting := func(answer uint32) (all []rule) {
		for _, number := range []uintptr{unix.SYS_MOUNT, unix.SYS_UMOUNT2, unix.SYS_PIVOT_ROOT, unix.SYS_OPEN_TREE, unix.SYS_MOVE_MOUNT,
			unix.SYS_FSOPEN, unix.SYS_FSCONFIG, unix.SYS_FSMOUNT, unix.SYS_MOUNT_SETATTR} {
			all = append(all, rule{number: number, answer: answer})
		}
		return all
	}
	return map[string][]rule{
		"none":                   nil,
		"docker":                 append(append(mounting(denied), clone...), names...),
		"docker-admin":           {{number: unix.SYS_PIVOT_ROOT, answer: denied}}, // with CAP_SYS_ADMIN
		"podman":                 names,
		"RestrictNamespaces":     clone,
		"RestrictSUIDSGID":       {{number: unix.SYS_OPENAT2, answer: absent}},
		"SystemCallFilter":       mounting(kill),
		"SystemCallFilter-names": {{number: unix.SYS_SETHOSTNAME, answer: kill}, {number: unix.SYS_SETDOMAINNAME, answer: kill}},
		"ProtectHostname":        names,
		"no-sendto":              {{number: unix.SYS_SENDTO, answer: denied}},
		"no-waitid":              {{number: unix.SYS_WAITID, answer: denied}},
		"no-landlock":            {{number: unix.SYS_LANDLOCK_CREATE_RULESET, answer: denied}},
		"kills-landlock":         {{number: unix.SYS_LANDLOCK_CREATE_RULESET, answer: kill}}, // as SystemCallFilter=@system-service of systemd 252
		// The kernel of RHEL 9.7 refuses rulesets with scopes, whose structure has
		// 24 bytes, and reports a version that has them.
		"rhel-9.7": {{number: unix.SYS_LANDLOCK_CREATE_RULESET, answer: unfit, arg: 1, mask: 24, equal: true}},
	}
}

// Main executes a command under the filters that the first argument names, with
// commas between them.
func Main(args []string) int {
	var rules []rule
	for name := range strings.SplitSeq(args[0], ",") {
		more, ok := filters()[name]
		if !ok {
			fmt.Fprintf(os.Stderr, "filtered: no filter %q\n", name)
			return 2
		}
		rules = append(rules, more...)
	}
	path, err := exec.LookPath(args[1])
	if err == nil {
		// Only this thread is filtered, and what it executes.
		runtime.LockOSThread()
		err = load(rules)
	}
	if err == nil {
		err = unix.Exec(path, args[1:], os.Environ())
	}
	fmt.Fprintln(os.Stderr, "filtered:", err)
	return 2
}

// load puts the filter around the calling thread (seccomp(2)).
func load(rules []rule) error {
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	code := program(rules)
	prog := unix.SockFprog{Len: uint16(len(code)), Filter: unsafe.SliceData(code)}
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, uintptr(unsafe.Pointer(&prog)))
	if errno != 0 {
		return errno
	}
	return nil
}

// program writes the rules as the kernel reads them, the first that fits counts.
func program(rules []rule) (code []unix.SockFilter) {
	add := func(op uint16, k uint32, yes, no uint8) {
		code = append(code, unix.SockFilter{Code: op, Jt: yes, Jf: no, K: k})
	}
	const load, jumpEqual, jumpSet, ret = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, unix.BPF_JMP | unix.BPF_JEQ, unix.BPF_JMP | unix.BPF_JSET, unix.BPF_RET
	for _, r := range rules {
		const numberAt, argsAt = 0, 16 // in struct seccomp_data
		add(load, numberAt, 0, 0)
		if r.mask == 0 {
			add(jumpEqual, uint32(r.number), 0, 1)
		} else {
			jump := uint16(jumpSet)
			if r.equal {
				jump = jumpEqual
			}
			add(jumpEqual, uint32(r.number), 0, 3)
			add(load, argsAt+8*uint32(r.arg), 0, 0) // the low half, on every machine we run on
			add(jump, r.mask, 0, 1)
		}
		add(ret, r.answer, 0, 0)
	}
	add(ret, unix.SECCOMP_RET_ALLOW, 0, 0)
	return code
}
