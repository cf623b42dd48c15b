// Package isolate runs a program in a sandbox made of Linux namespaces: it
// sees the directories that were named, the base system, and nothing else of
// the machine. No root is needed, no daemon, no image.
//
// A Policy says what the sandbox lets through. A Cmd runs one program under
// one policy, and is used like a Cmd of os/exec:
//
//	p := isolate.Policy{Mounts: []isolate.Mount{isolate.ReadOnly("/srv/course"), isolate.Writable(".")}}
//	err := isolate.Command(p, "python3", "/srv/course/grade.py").Run()
//
// # How it is made
//
// The caller looks at the policy and writes down two lists of system calls
// (internal/calls): one that makes the sandbox, one that leads to the program.
// Which mounts there are and in which order is tree.go; what the calls are for
// each is mount.go and mount_calls.go; who the program is and what it may not do
// is confine.go. Init, process 1 inside, is a fork of the caller, mostly from before all
// that (early.go): it carries out the first list, forks the program, which carries
// out the second, and stays to reap, to pass signals on and to hand out sockets (internal/initproc/message.go). Either every call succeeds
// or there is no sandbox and no program: an error names the call that failed.
//
// # What holds
//
// The program has no capability and can gain none, can make no namespace, and
// sees no process but its own. Everything inside ends with the program, with
// init, and with the caller. Linux 5.12 is needed, and user namespaces.
package isolate
