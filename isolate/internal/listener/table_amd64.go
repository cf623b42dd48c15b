package listener

import "golang.org/x/sys/unix"

const architecture = unix.AUDIT_ARCH_X86_64

// addOld adds the calls that newer machines have only with a directory.
func addOld(all map[uintptr]call) {
	for number, p := range map[uintptr]path{
		unix.SYS_OPEN:     {flags: 1, opens: true},
		unix.SYS_CREAT:    {flags: noFlags, how: Make},
		unix.SYS_STAT:     {flags: noFlags, how: Look},
		unix.SYS_LSTAT:    {flags: noFlags, how: Look, isLink: true},
		unix.SYS_ACCESS:   {flags: noFlags, how: Look},
		unix.SYS_READLINK: {flags: noFlags, how: Look, isLink: true},
		unix.SYS_UNLINK:   {flags: noFlags, how: Write, isLink: true},
		unix.SYS_RMDIR:    {flags: noFlags, how: Write, isLink: true},
		unix.SYS_CHMOD:    {flags: noFlags, how: Write},
		unix.SYS_MKDIR:    {flags: noFlags, how: Make, isLink: true},
		unix.SYS_MKNOD:    {flags: noFlags, how: Make, isLink: true},
	} {
		p.dir, p.at = cwd, 0
		all[number] = call{paths: []path{p}}
	}
	to := path{dir: cwd, at: 1, flags: noFlags, how: Make, isLink: true}
	all[unix.SYS_RENAME] = call{paths: []path{{dir: cwd, at: 0, flags: noFlags, how: Write, isLink: true}, to}}
	all[unix.SYS_LINK] = call{paths: []path{{dir: cwd, at: 0, flags: noFlags, how: Read, isLink: true}, to}}
	all[unix.SYS_SYMLINK] = call{paths: []path{to}}
}
