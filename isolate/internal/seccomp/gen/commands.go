package gen

import "golang.org/x/sys/unix"

// Ioctl(2) and fcntl(2) are each a door to hundreds of functions, and more come
// with every Linux. These lists name the ones that programs use; the others
// are answered as by a kernel that has never heard of them.

// fcntlCommands leave out leases and delegations, which hold up whoever opens
// the file outside and can be had for what may only be read, and F_NOTIFY.
var fcntlCommands = []uint32{
	unix.F_DUPFD, unix.F_GETFD, unix.F_SETFD, unix.F_GETFL, unix.F_SETFL,
	unix.F_GETLK, unix.F_SETLK, unix.F_SETLKW, unix.F_OFD_GETLK, unix.F_OFD_SETLK, unix.F_OFD_SETLKW,
	unix.F_SETOWN, unix.F_GETOWN, unix.F_SETSIG, unix.F_GETSIG, unix.F_SETOWN_EX, unix.F_GETOWN_EX,
	unix.F_DUPFD_CLOEXEC, fDupfdQuery, fCreatedQuery,
	unix.F_SETPIPE_SZ, unix.F_GETPIPE_SZ, unix.F_ADD_SEALS, unix.F_GET_SEALS,
	unix.F_GET_RW_HINT, unix.F_SET_RW_HINT, unix.F_GET_FILE_RW_HINT, unix.F_SET_FILE_RW_HINT,
}

const (
	fDupfdQuery   = 1027 // Linux 6.10, in place of kcmp(2)
	fCreatedQuery = 1028 // Linux 6.12
)

// ioctlRequests hold what descriptors of every kind know, and what the kinds
// that a sandbox has do: terminals, files, sockets.
var ioctlRequests = []uint32{
	// Any descriptor (ioctl(2)).
	fionread, fionbio, fioclex, fionclex, fioasync, fioqsize,

	// Terminals (TIOCSTI(2const) and its neighbours), but for what types into
	// them (TIOCSTI), commands the console (TIOCLINUX, TIOCCONS), changes the
	// line discipline, a kernel module by number (TIOCSETD), and sets up
	// serial lines.
	unix.TCGETS, unix.TCSETS, unix.TCSETSW, unix.TCSETSF, tcgeta, tcseta, tcsetaw, tcsetaf,
	unix.TCGETS2, unix.TCSETS2, unix.TCSETSW2, unix.TCSETSF2,
	unix.TCSBRK, unix.TCSBRKP, unix.TIOCSBRK, unix.TIOCCBRK, unix.TCXONC, unix.TCFLSH, unix.TIOCOUTQ,
	unix.TIOCEXCL, unix.TIOCNXCL, unix.TIOCGEXCL, unix.TIOCSCTTY, unix.TIOCNOTTY, unix.TIOCGPGRP, unix.TIOCSPGRP, unix.TIOCGSID,
	unix.TIOCGWINSZ, unix.TIOCSWINSZ, unix.TIOCGETD, unix.TIOCGDEV,
	unix.TIOCPKT, unix.TIOCGPKT, unix.TIOCGPTN, unix.TIOCGPTPEER, unix.TIOCSPTLCK, unix.TIOCGPTLCK, unix.TIOCSIG,

	// Files: chattr(1) and lsattr(1), and copies that share blocks (cp(1)). All
	// other file systems' requests, some with the same type, stay out: they
	// tell of the disk (FS_IOC_FIEMAP, FS_IOC_GETFSUUID), take snapshots of
	// more than the directory, encrypt.
	unix.FS_IOC_GETFLAGS, unix.FS_IOC_SETFLAGS, unix.FICLONE, unix.FICLONERANGE, unix.FIDEDUPERANGE,

	// Sockets (tcp(7), unix(7), socket(7)).
	unix.SIOCATMARK, siocoutqnsd, unix.SIOCSPGRP, unix.SIOCGPGRP, fiosetown, fiogetown,
	siocgstampOld, siocgstampnsOld, siocgstampNew, siocgstampnsNew,
	// Network interfaces, to read (netdevice(7)). psutil wants SIOCETHTOOL, and
	// takes no for an answer only where that is EOPNOTSUPP or EINVAL.
	unix.SIOCGIFNAME, unix.SIOCGIFCONF, unix.SIOCGIFFLAGS, unix.SIOCGIFADDR, unix.SIOCGIFDSTADDR, unix.SIOCGIFBRDADDR,
	unix.SIOCGIFNETMASK, unix.SIOCGIFMETRIC, unix.SIOCGIFMTU, unix.SIOCGIFHWADDR, unix.SIOCGIFINDEX, unix.SIOCGIFPFLAGS,
	unix.SIOCGIFTXQLEN, unix.SIOCGIFMAP, unix.SIOCGIFCOUNT, unix.SIOCETHTOOL,
}

// nestingRequests are what another sandbox inside does to its own network and
// namespaces.
var nestingRequests = []uint32{
	unix.SIOCSIFFLAGS, unix.SIOCSIFADDR, unix.SIOCSIFNETMASK, unix.SIOCSIFBRDADDR, unix.SIOCSIFMTU, unix.SIOCSIFNAME,
	unix.SIOCADDRT, unix.SIOCDELRT,
	unix.NS_GET_USERNS, unix.NS_GET_PARENT, unix.NS_GET_NSTYPE, unix.NS_GET_OWNER_UID,
	seccompNotifRecv, seccompNotifSend, seccompNotifIDValid, seccompNotifAddFD, seccompNotifSetFlags,
}

// Numbers that package unix doesn't have for every architecture.
const (
	// asm-generic/ioctls.h
	fionread, fionbio, fionclex, fioclex, fioasync, fioqsize = 0x541b, 0x5421, 0x5450, 0x5451, 0x5452, 0x5460
	tcgeta, tcseta, tcsetaw, tcsetaf                         = 0x5405, 0x5406, 0x5407, 0x5408

	// asm-generic/sockios.h, linux/sockios.h
	fiosetown, fiogetown           = 0x8901, 0x8903
	siocgstampOld, siocgstampnsOld = 0x8906, 0x8907
	siocgstampNew, siocgstampnsNew = 0x80108906, 0x80108907
	siocoutqnsd                    = 0x894b

	// linux/seccomp.h
	seccompNotifRecv     = 0xc0502100
	seccompNotifSend     = 0xc0182101
	seccompNotifIDValid  = 0x40082102
	seccompNotifAddFD    = 0x40182103
	seccompNotifSetFlags = 0x40082104
)
