package trace

// sysOpen is a system call that this machine doesn't have.
const sysOpen = ^uint64(0)
