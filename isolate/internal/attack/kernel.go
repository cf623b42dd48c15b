package attack

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"unsafe"

	"golang.org/x/sys/unix"
)

func addressOf[T any](v *T) uintptr { return uintptr(unsafe.Pointer(v)) }

// namespaceAttacks make or enter namespaces: in a new user namespace a program
// has all capabilities over what belongs to it.
func namespaceAttacks() []Attack {
	var all []Attack
	kinds := []struct {
		name string
		flag uintptr
	}{
		{"mount", unix.CLONE_NEWNS}, {"process", unix.CLONE_NEWPID}, {"network", unix.CLONE_NEWNET}, {"IPC", unix.CLONE_NEWIPC},
		{"host name", unix.CLONE_NEWUTS}, {"cgroup", unix.CLONE_NEWCGROUP}, {"time", unix.CLONE_NEWTIME},
	}

	made := func(e unix.Errno) error {
		if e != 0 {
			return e
		}
		return nil
	}
	for _, kind := range kinds {
		all = append(all, Attack{"makes a " + kind.name + " namespace", Privileged, func(*World) error {
			return unix.Unshare(int(kind.flag))
		}})
		all = append(all, Attack{"makes a " + kind.name + " namespace in one of a user", Plainly, func(*World) error {
			return inFork(unix.CLONE_NEWUSER | kind.flag&^unix.CLONE_NEWTIME)
		}})
		file := map[string]string{"mount": "mnt", "process": "pid", "network": "net", "IPC": "ipc", "host name": "uts", "cgroup": "cgroup", "time": "time"}[kind.name]
		all = append(all, Attack{"enters a " + kind.name + " namespace", Privileged, func(*World) error {
			f, err := os.Open("/proc/self/ns/" + file)
			if err != nil {
				return err
			}
			e := raw(unix.SYS_SETNS, f.Fd(), 0)
			if e == unix.EUSERS || e == unix.EINVAL { // it got as far as this namespace's own rules
				return nil
			}
			return made(e)
		}})
	}

	return append(all,
		Attack{"makes a user namespace by clone3", Plainly, func(*World) error {
			args := struct{ flags, pidfd, child, parent, signal, stack, size, tls uint64 }{flags: unix.CLONE_NEWUSER, signal: uint64(unix.SIGCHLD)}
			pid, _, e := unix.RawSyscall(unix.SYS_CLONE3, addressOf(&args), unsafe.Sizeof(args), 0)
			if e == 0 && pid == 0 {
				unix.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
			}
			return made(e)
		}},
		Attack{"makes a user namespace by clone", Plainly, func(*World) error { return inFork(unix.CLONE_NEWUSER) }},
	)
}

// inFork forks with flags; the child ends at once.
func inFork(flags uintptr) error {
	pid, _, e := unix.RawSyscall(unix.SYS_CLONE, flags|uintptr(unix.SIGCHLD), 0, 0)
	if e == 0 && pid == 0 {
		unix.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
	}
	if e != 0 {
		return e
	}
	_, err := unix.Wait4(int(pid), nil, unix.WALL, nil)
	return err
}

// mountAttacks change what is where.
func mountAttacks() []Attack {
	at := func(name string, try func(w *World) error) Attack { return Attack{name, Privileged, try} }
	tmpfs := func() (int, error) {
		fs, err := unix.Fsopen("tmpfs", 0)
		if err != nil {
			return -1, err
		}
		if err := unix.FsconfigCreate(fs); err != nil {
			return -1, err
		}
		return unix.Fsmount(fs, 0, 0)
	}
	return []Attack{
		at("mounts a tmpfs", func(w *World) error { return unix.Mount("t", "sub", "tmpfs", 0, "") }),
		at("mounts over the base system", func(w *World) error { return unix.Mount("t", "/usr", "tmpfs", 0, "") }),
		at("mounts another /proc", func(w *World) error { return unix.Mount("p", "sub", "proc", 0, "") }),
		at("mounts a devpts", func(w *World) error { return unix.Mount("p", "sub", "devpts", 0, "newinstance") }),
		at("mounts a message queue", func(w *World) error { return unix.Mount("p", "sub", "mqueue", 0, "") }),
		at("mounts an overlay", func(w *World) error {
			for _, dir := range []string{"l", "u", "k"} {
				os.Mkdir(dir, 0o700)
			}
			return unix.Mount("o", "sub", "overlay", 0, "lowerdir=l,upperdir=u,workdir=k,userxattr")
		}),
		at("binds a directory", func(w *World) error { return unix.Mount("/usr", "sub", "", unix.MS_BIND|unix.MS_REC, "") }),
		at("makes a read-only mount writable", func(w *World) error {
			// Outside it is a mount of the attacker's own that it first freezes.
			// The flags that a copy of somebody else's mount keeps stay.
			const again = unix.MS_BIND | unix.MS_REMOUNT | unix.MS_NOSUID | unix.MS_NODEV
			if err := unix.Mount(w.Frozen, w.Frozen, "", unix.MS_BIND, ""); err == nil {
				unix.Mount("", w.Frozen, "", again|unix.MS_RDONLY, "")
			}
			return unix.Mount("", w.Frozen, "", again, "")
		}),
		at("makes it writable by mount_setattr", func(w *World) error {
			unix.Mount(w.Frozen, w.Frozen, "", unix.MS_BIND, "")
			return unix.MountSetattr(unix.AT_FDCWD, w.Frozen, 0, &unix.MountAttr{Attr_clr: unix.MOUNT_ATTR_RDONLY})
		}),
		at("takes a mask away", func(w *World) error {
			unix.Mount("t", w.Shadow, "tmpfs", 0, "") // outside there is none to take away
			return unix.Unmount(w.Shadow, unix.MNT_DETACH)
		}),
		at("takes the mask of a file away", func(w *World) error {
			unix.Mount("/dev/null", w.Hidden, "", unix.MS_BIND, "")
			return unix.Unmount(w.Hidden, unix.MNT_DETACH)
		}),
		at("takes its own directory's mount away", func(w *World) error {
			unix.Mount(w.Work, w.Work, "", unix.MS_BIND, "")
			return unix.Unmount(w.Work, unix.MNT_DETACH)
		}),
		at("moves a mount", func(w *World) error {
			unix.Mount("t", w.Shadow, "tmpfs", 0, "")
			return unix.Mount(w.Shadow, "sub", "", unix.MS_MOVE, "")
		}),
		at("replaces the null device that masks could be made of", func(w *World) error { // CVE-2025-31133
			if w.First != 1 { // outside on a device of the attacker's own
				if err := unix.Mount("t", "/dev", "tmpfs", 0, ""); err != nil {
					return err
				}
				os.WriteFile("/dev/null", nil, 0o666)
			}
			if err := os.Rename("/dev/null", "/dev/moved"); err != nil {
				return err
			}
			return os.Symlink("/proc/sys/kernel/core_pattern", "/dev/null")
		}),
		at("shares its mounts", func(w *World) error { return unix.Mount("", "/", "", unix.MS_SHARED|unix.MS_REC, "") }),
		at("copies a mount", func(w *World) error {
			_, err := unix.OpenTree(unix.AT_FDCWD, "/usr", unix.OPEN_TREE_CLONE)
			return err
		}),
		at("makes a file system by fsopen", func(w *World) error { _, err := tmpfs(); return err }),
		at("puts a file system in place by move_mount", func(w *World) error {
			fd, err := tmpfs()
			if err != nil {
				return err
			}
			return unix.MoveMount(fd, "", unix.AT_FDCWD, filepath.Join(w.Work, "sub"), unix.MOVE_MOUNT_F_EMPTY_PATH)
		}),
		at("changes its root by chroot", func(w *World) error { return unix.Chroot("sub") }),
		at("leaves a chroot by a second one", func(w *World) error {
			if err := unix.Chroot("sub"); err != nil {
				return err
			}
			for range 40 {
				unix.Chdir("..")
			}
			if err := unix.Chroot("."); err != nil {
				return err
			}
			return reads(filepath.Join(w.Outside, "secret"))
		}),
		at("pivots to another root", func(w *World) error {
			if err := unix.Mount(w.Work, w.Work, "", unix.MS_BIND, ""); err != nil {
				return err
			}
			if err := os.Chdir(w.Work); err != nil {
				return err
			}
			return unix.PivotRoot(".", ".")
		}),
	}
}

// privilegeAttacks use or gain what only a Privileged process may.
func privilegeAttacks() []Attack {
	at := func(name string, try func(w *World) error) Attack { return Attack{name, Privileged, try} }
	has := func(set int) func(*World) error {
		return func(*World) error {
			header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
			var data [2]unix.CapUserData
			if err := unix.Capget(&header, &data[0]); err != nil {
				return err
			}
			all := []uint32{data[0].Effective, data[0].Permitted, data[0].Inheritable}
			if all[set] == 0 {
				return errRefused
			}
			return nil
		}
	}

	number := func(nr uintptr, args ...uintptr) error {
		if e := raw(nr, args...); e != 0 {
			return e
		}
		return nil
	}
	return []Attack{
		at("has an effective capability", has(0)),
		at("has a permitted capability", has(1)),
		at("raises an inheritable capability", func(*World) error {
			header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
			var data [2]unix.CapUserData
			data[0].Permitted, data[0].Inheritable = 1, 1
			return unix.Capset(&header, &data[0])
		}),
		at("has a capability in its bounding set", func(*World) error {
			for c := range uintptr(unix.CAP_LAST_CAP + 1) {
				if has, _, _ := unix.RawSyscall(unix.SYS_PRCTL, unix.PR_CAPBSET_READ, c, 0); has == 1 {
					return nil
				}
			}
			return errRefused
		}),
		at("can gain privileges by an exec", func(*World) error {
			if on, _, _ := unix.RawSyscall6(unix.SYS_PRCTL, unix.PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0, 0); on == 1 {
				return errRefused
			}
			return nil
		}),
		at("has root's capabilities after an exec", func(*World) error {
			if bits, _, _ := unix.RawSyscall(unix.SYS_PRCTL, unix.PR_GET_SECUREBITS, 0, 0); bits&1 == 1 {
				return errRefused
			}
			return nil
		}),
		at("changes the rules of privileges", func(*World) error { return number(unix.SYS_PRCTL, unix.PR_SET_SECUREBITS, 0) }),
		at("changes the host name", func(*World) error { return unix.Sethostname([]byte("theirs")) }),
		at("changes the domain name", func(*World) error { return unix.Setdomainname([]byte("theirs")) }),
		at("takes an interface down", func(*World) error { return setLoopback(0) }),
		at("brings an interface up", func(*World) error { return setLoopback(unix.IFF_UP) }),
		at("opens a raw socket", func(*World) error {
			_, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_ICMP)
			return err
		}),
		at("opens a packet socket", func(*World) error { _, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW, 0); return err }),
		at("binds a Privileged port", func(*World) error {
			s, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
			if err != nil {
				return err
			}
			return unix.Bind(s, &unix.SockaddrInet4{Port: 80})
		}),
		at("drops from its bounding set", func(*World) error { return number(unix.SYS_PRCTL, unix.PR_CAPBSET_DROP, unix.CAP_SYS_NICE) }),
		at("raises an ambient capability", func(*World) error {
			header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
			var data [2]unix.CapUserData
			data[0].Permitted, data[0].Inheritable = 1, 1
			if err := unix.Capset(&header, &data[0]); err != nil {
				return err
			}
			return number(unix.SYS_PRCTL, unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_RAISE, 0)
		}),
		at("writes a kernel setting", func(*World) error {
			return os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0)
		}),
		at("writes a limit of namespaces", func(*World) error {
			return os.WriteFile("/proc/sys/user/max_user_namespaces", []byte("100"), 0)
		}),
		at("changes the range of ports", func(*World) error {
			return os.WriteFile("/proc/sys/net/ipv4/ip_local_port_range", []byte("20000 60000"), 0)
		}),
	}
}

// setLoopback sets the flags of the loopback interface, netdevice(7).
func setLoopback(flags uint16) error {
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		return err
	}
	request, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	request.SetUint16(flags)
	return unix.IoctlIfreq(s, unix.SIOCSIFFLAGS, request)
}

// procAttacks read what the process file system tells of the machine.
func procAttacks() []Attack {
	var all []Attack
	for _, name := range []string{"cmdline", "interrupts", "partitions", "diskstats", "swaps", "key-users",
		"softirqs", "iomem", "ioports", "kallsyms", "zoneinfo", "buddyinfo", "consoles", "crypto", "devices", "misc"} {
		all = append(all, Attack{"reads /proc/" + name, Plainly, func(*World) error {
			data, err := os.ReadFile("/proc/" + name)
			if err == nil && len(bytes.TrimSpace(data)) == 0 {
				return errRefused
			}
			return err
		}})
	}

	for _, name := range []string{"irq", "bus", "fs", "pressure", "tty"} {
		all = append(all, Attack{"lists /proc/" + name, Plainly, func(*World) error {
			entries, err := os.ReadDir("/proc/" + name)
			if err == nil && len(entries) == 0 {
				return errRefused
			}
			return err
		}})
	}

	return append(all, Attack{"sees the machine's host name", Plainly, func(w *World) error {
		if name, err := os.Hostname(); err != nil || name != w.Name {
			return fmt.Errorf("%q, %v", name, err)
		}
		return nil
	}}, Attack{"sees the machine's cgroups", Plainly, func(w *World) error {
		data, err := os.ReadFile("/proc/self/cgroup")
		for line := range bytes.Lines(data) {
			if !bytes.HasSuffix(bytes.TrimSpace(line), []byte(":/")) {
				return nil
			}
		}
		if exists("/sys/fs/cgroup") == nil { // a process in the top cgroup has nothing more to see
			return nil
		}
		if err == nil {
			err = errRefused
		}
		return err
	}})
}
