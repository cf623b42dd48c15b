package trace

import "golang.org/x/sys/unix"

// sysOpen is a system call that newer machines don't have.
const sysOpen = unix.SYS_OPEN
