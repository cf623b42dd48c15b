package attack

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"golang.org/x/sys/unix"
)

var errRefused = errors.New("refused")

// reads succeeds if the file holds the Secret.
func reads(path string) error {
	data, err := os.ReadFile(path)
	if err == nil && !bytes.Contains(data, []byte(Secret)) {
		return errRefused
	}
	return err
}

func exists(path string) error { _, err := os.Lstat(path); return err }

// holds succeeds if the directory has an entry of the name.
func holds(dir, name string) error {
	entries, err := os.ReadDir(dir)
	for _, entry := range entries {
		if entry.Name() == name {
			return nil
		}
	}
	if err == nil {
		err = errRefused
	}
	return err
}

func fileAttacks() []Attack {
	theirs := func(w *World) string { return filepath.Join(w.Outside, "secret") }
	at := func(name string, try func(w *World) error) Attack { return Attack{name, Plainly, try} }
	return []Attack{
		at("reads a file beside its directory", func(w *World) error { return reads(theirs(w)) }),
		at("reads it by way of ..", func(w *World) error { return reads("../outside/secret") }),
		at("reads it by way of a deeper ..", func(w *World) error { return reads("sub/../../outside/secret") }),
		at("lists the directory above", func(w *World) error { return holds("..", "outside") }),
		at("lists the directory beside", func(w *World) error { return holds(w.Outside, "secret") }),
		at("sees that the directory beside exists", func(w *World) error { return exists(w.Outside) }),
		at("changes to the directory beside", func(w *World) error { return os.Chdir(w.Outside) }),
		at("reads through its own root", func(w *World) error { return reads("/proc/self/root" + theirs(w)) }),
		at("reads through its own working directory", func(w *World) error { return reads("/proc/self/cwd/../outside/secret") }),
		at("reads through a descriptor of its directory", func(w *World) error {
			dir, err := os.Open(".")
			if err != nil {
				return err
			}
			return reads(fmt.Sprintf("/proc/self/fd/%d/../outside/secret", dir.Fd()))
		}),
		at("reads through a thread's root", func(w *World) error { return reads("/proc/thread-self/root" + theirs(w)) }),
		at("reads through its parent's root", func(w *World) error { return reads(fmt.Sprintf("/proc/%d/root%s", os.Getppid(), theirs(w))) }),
		at("reads through a planted link", func(w *World) error {
			os.Symlink(theirs(w), "link-to-secret")
			return reads("link-to-secret")
		}),
		at("reads through a planted link to the root", func(w *World) error {
			link := filepath.Join(os.TempDir(), fmt.Sprint("root", os.Getpid()))
			os.Symlink("/", link)
			defer os.Remove(link)
			return reads(link + theirs(w))
		}),
		at("links it into its own directory", func(w *World) error { return os.Link(theirs(w), "hard-link") }),
		at("moves it into its own directory", func(w *World) error { return os.Rename(filepath.Join(w.Outside, "other"), "moved") }),
		at("opens it by openat from its directory", func(w *World) error {
			dir, err := unix.Open(".", unix.O_PATH|unix.O_DIRECTORY, 0)
			if err != nil {
				return err
			}
			_, err = unix.Openat(dir, "../outside/secret", unix.O_RDONLY, 0)
			return err
		}),
		at("watches the directory beside", func(w *World) error {
			fd, err := unix.InotifyInit1(0)
			if err != nil {
				return err
			}
			_, err = unix.InotifyAddWatch(fd, w.Outside, unix.IN_ALL_EVENTS)
			return err
		}),
		at("executes a file beside", func(w *World) error { return exec.Command(filepath.Join(w.Outside, "program")).Run() }),
		at("reads a masked file", func(w *World) error { return reads(w.Hidden) }),
		at("reads a masked file through its own root", func(w *World) error { return reads("/proc/self/root" + w.Hidden) }),
		at("links a masked file", func(w *World) error {
			if err := os.Link(w.Hidden, "hidden-link"); err != nil {
				return err
			}
			return reads("hidden-link")
		}),
		at("lists a masked directory", func(w *World) error { return holds(w.Shadow, "inner") }),
		at("reads in a masked directory", func(w *World) error { return exists(filepath.Join(w.Shadow, "inner")) }),
		at("reads the host's /tmp", func(w *World) error { return reads(w.Tmp) }),
		at("reads the host's shared memory", func(w *World) error { return reads(w.Shm) }),
		at("finds the host's logs", func(w *World) error { return exists("/var/log") }),
		at("finds the host's state", func(w *World) error { return exists("/var/lib") }),
		at("finds services' run-time files", func(w *World) error { return holds("/run", "lock") }),
		at("finds the host's fstab", func(w *World) error { return exists("/etc/fstab") }),
		at("finds the host's shadow file", func(w *World) error { return exists("/etc/shadow") }),
		at("finds the package manager's configuration", func(w *World) error { return exists("/etc/apt") }),
		at("finds the services' configuration", func(w *World) error { return exists("/etc/init.d") }),
		at("finds the boot files", func(w *World) error { return exists("/boot") }),
		at("finds the kernel's objects", func(w *World) error { return holds("/sys", "kernel") }),
		at("finds the cgroups", func(w *World) error { return exists("/sys/fs/cgroup") }),
		at("finds places for media", func(w *World) error { return exists("/media") }),
		at("finds other accounts", func(w *World) error { return containsIn("/etc/passwd", "daemon:") }),
		at("finds other groups", func(w *World) error { return containsIn("/etc/group", "daemon:") }),
		at("finds a mount that it wasn't given", func(w *World) error { return containsIn("/proc/self/mountinfo", " - cgroup") }),
		at("finds the machine's network interfaces", func(w *World) error { return exists("/sys/class/net") }),
		at("finds the machine's disks", func(w *World) error { return exists("/sys/block") }),
		at("finds the machine's control groups", func(w *World) error { return exists("/sys/fs/cgroup") }),
	}
}

func containsIn(path, text string) error {
	data, err := os.ReadFile(path)
	if err == nil && !bytes.Contains(data, []byte(text)) {
		return errRefused
	}
	return err
}

// moves renames a file and puts it back for the attacks that follow.
func moves(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return err
	}
	return os.Rename(to, from)
}

// removes removes a file and makes it again.
func removes(path string) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := os.Remove(path); err != nil {
		return err
	}
	return os.WriteFile(path, content, 0o644)
}

// writeAttacks change what may only be read.
func writeAttacks() []Attack {
	file := func(w *World) string { return filepath.Join(w.Frozen, "file") }
	at := func(name string, try func(w *World) error) Attack { return Attack{name, Plainly, try} }
	in := func(w *World, name string) string { return filepath.Join(w.Frozen, name) }
	return []Attack{
		at("writes a read-only file", func(w *World) error { return os.WriteFile(file(w), []byte("x"), 0) }),
		at("appends to a read-only file", func(w *World) error {
			_, err := os.OpenFile(file(w), os.O_APPEND|os.O_WRONLY, 0)
			return err
		}),
		at("truncates a read-only file", func(w *World) error { return os.Truncate(file(w), 0) }),
		at("makes a file in a read-only directory", func(w *World) error { return os.WriteFile(in(w, "new"), nil, 0o600) }),
		at("makes a nameless file in a read-only directory", func(w *World) error {
			_, err := unix.Open(w.Frozen, unix.O_TMPFILE|unix.O_WRONLY, 0o600)
			return err
		}),
		at("makes a directory in a read-only one", func(w *World) error { return os.Mkdir(in(w, "newdir"), 0o700) }),
		at("makes a link in a read-only directory", func(w *World) error { return os.Symlink("x", in(w, "newlink")) }),
		at("takes a lease on a read-only file", func(w *World) error {
			f, err := os.Open(file(w))
			if err != nil {
				return err
			}
			defer f.Close()
			_, err = unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_RDLCK)
			return err
		}),
		at("gives a directory an access control list that others' files inherit", func(*World) error {
			// acl(5) as xattr: version 2; owner, group and others may all.
			entries := "\x02\x00\x00\x00\x01\x00\x07\x00\xff\xff\xff\xff\x04\x00\x07\x00\xff\xff\xff\xff\x20\x00\x07\x00\xff\xff\xff\xff"
			return unix.Setxattr("sub", "system.posix_acl_default", []byte(entries), 0)
		}),
		at("changes a read-only file's mode", func(w *World) error { return os.Chmod(file(w), 0o600) }),
		at("changes a read-only directory's mode", func(w *World) error { return os.Chmod(in(w, "dir"), 0o700) }),
		at("changes a read-only file's owner", func(w *World) error { return os.Chown(file(w), os.Getuid(), os.Getgid()) }),
		at("changes a read-only file's times", func(w *World) error { return unix.UtimesNanoAt(unix.AT_FDCWD, file(w), make([]unix.Timespec, 2), 0) }),
		at("renames in a read-only directory", func(w *World) error { return moves(file(w), in(w, "renamed")) }),
		at("moves out of a read-only directory", func(w *World) error { return moves(file(w), filepath.Join(w.Work, "moved-out")) }),
		at("removes a read-only directory's file", func(w *World) error { return removes(in(w, "dir/inner")) }),
		at("removes a directory in a read-only one", func(w *World) error { return os.Remove(in(w, "empty")) }),
		at("opens a read-only file anew for writing", func(w *World) error {
			f, err := os.Open(file(w))
			if err != nil {
				return err
			}
			defer f.Close()
			_, err = os.OpenFile(fmt.Sprintf("/proc/self/fd/%d", f.Fd()), os.O_WRONLY, 0)
			return err
		}),
		at("makes a file by a descriptor of a read-only directory", func(w *World) error {
			f, err := os.Open(w.Frozen)
			if err != nil {
				return err
			}
			defer f.Close()
			return os.WriteFile(fmt.Sprintf("/proc/self/fd/%d/by-descriptor", f.Fd()), nil, 0o600)
		}),
		at("maps a read-only file for writing", func(w *World) error {
			f, err := os.OpenFile(file(w), os.O_RDWR, 0)
			if err != nil {
				return err
			}
			defer f.Close()
			_, err = unix.Mmap(int(f.Fd()), 0, 1, unix.PROT_WRITE, unix.MAP_SHARED)
			return err
		}),
		at("gives a read-only file an attribute", func(w *World) error { return unix.Setxattr(file(w), "user.isolate", []byte("x"), 0) }),
		at("gives a read-only file a flag", func(w *World) error {
			f, err := os.Open(file(w))
			if err != nil {
				return err
			}
			defer f.Close()
			const noDump = 0x40 // FS_NODUMP_FL, the one that its owner can set anywhere
			return unix.IoctlSetPointerInt(int(f.Fd()), unix.FS_IOC_SETFLAGS, noDump)
		}),
		at("links a read-only file to where it may write", func(w *World) error { return os.Link(file(w), "thawed") }),
		at("writes into the directory beside", func(w *World) error { return os.WriteFile(filepath.Join(w.Outside, "planted"), nil, 0o600) }),
		at("writes over a masked file", func(w *World) error { return os.WriteFile(w.Hidden, []byte(Secret), 0) }),
		at("renames over a masked file", func(w *World) error {
			os.WriteFile("replacement", []byte(Secret), 0o600)
			return os.Rename("replacement", w.Hidden)
		}),
		at("renames a masked file away", func(w *World) error { return moves(w.Hidden, w.Hidden+"-away") }),
		at("exchanges a masked file for another", func(w *World) error {
			os.WriteFile("exchanged", []byte(Secret), 0o600)
			return unix.Renameat2(unix.AT_FDCWD, w.Hidden, unix.AT_FDCWD, "exchanged", unix.RENAME_EXCHANGE)
		}),
		at("renames what leads to a masked directory", func(w *World) error { return moves(w.Work+"/deep", w.Work+"/elsewhere") }),
		at("exchanges what leads to a masked directory", func(w *World) error {
			os.Mkdir("exchanged-dir", 0o755)
			exchange := func() error {
				return unix.Renameat2(unix.AT_FDCWD, w.Work+"/deep", unix.AT_FDCWD, "exchanged-dir", unix.RENAME_EXCHANGE)
			}
			if err := exchange(); err != nil {
				return err
			}
			return exchange()
		}),
		at("renames what leads to a read-only directory", func(w *World) error {
			dir := filepath.Dir(w.Frozen)
			return moves(dir, dir+"-away")
		}),
		at("exchanges what leads to a read-only directory", func(w *World) error {
			dir := filepath.Dir(w.Frozen)
			os.Mkdir(dir+"-other", 0o755)
			defer os.Remove(dir + "-other")
			exchange := func() error {
				return unix.Renameat2(unix.AT_FDCWD, dir, unix.AT_FDCWD, dir+"-other", unix.RENAME_EXCHANGE)
			}
			if err := exchange(); err != nil {
				return err
			}
			return exchange()
		}),
		at("removes a masked file", func(w *World) error { return removes(w.Hidden) }),
		at("writes into a masked directory", func(w *World) error { return os.WriteFile(filepath.Join(w.Shadow, "new"), nil, 0o600) }),
		at("removes in a masked directory", func(w *World) error { return removes(filepath.Join(w.Shadow, "inner")) }),
		at("renames a masked directory away", func(w *World) error { return moves(w.Shadow, w.Shadow+"-away") }),
		at("writes the host's /tmp", func(w *World) error {
			f, err := os.OpenFile(w.Tmp, os.O_WRONLY, 0)
			if err == nil {
				f.Close()
			}
			return err
		}),
		at("writes the host's shared memory", func(w *World) error {
			_, err := os.OpenFile(w.Shm, os.O_WRONLY, 0)
			return err
		}),
	}
}
