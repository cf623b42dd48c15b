package isolate

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// A Policy says what one sandbox lets through. What it does not name does not
// exist inside: no file, no network, no other process, no variable of the
// environment. The zero Policy shows the base system and nothing else.
type Policy struct {
	// Mounts are what the program sees in addition to the base, in any order: a
	// mount may lie inside another one.
	Mounts []Mount

	// Base is the system that every program needs (/usr, parts of /etc). Nil
	// means DefaultBase().
	Base []Mount

	// Files are small files made for the sandbox alone, each at its absolute
	// path inside. A file that a mount shows there is covered, not changed.
	Files []File

	// Network says which network the program has. The zero value is
	// NetworkNone.
	Network Network

	// Services are what the program reaches outside although Network is NetworkNone,
	// each at its own name and address. Serving them takes isolate-network, a program
	// beside the caller's or in its PATH, which is started at the first attempt to
	// reach anything.
	Services []Service

	// Devices are the paths, below /dev, of the host's character devices that the
	// program can open as the caller can, each at its own path. The requests of ioctl(2)
	// that their drivers know pass, if the drivers are known here. Block devices,
	// memory, whole disks and terminals are refused.
	Devices []string

	// GPU says which graphics cards the program can compute on: all, or their numbers,
	// separated by commas. It gets their devices, and what of /proc/driver and /sys the
	// libraries of NVIDIA, ROCm or WSL read. Empty means none.
	GPU string

	// Env is the program's whole environment, NAME=VALUE each. Nil means
	// FilterEnv(os.Environ(), nil), with a GPU also GPUVariables.
	Env []string

	// Dir is the working directory inside, where it must exist. Empty means the
	// caller's own.
	Dir string

	// DirNames are paths by which people name the caller's working directory, or a
	// directory above it, through symbolic links. They lead there inside, too. Nil
	// means $PWD.
	DirNames []string

	// Home is the path of the private, empty, writable home directory. Empty
	// means the caller's $HOME, or else the one in the passwd file. Mounts that
	// would show the real directory of this path, or one above it, are refused:
	// that shows its keys and lets the program write its start-up files.
	// Directories below it can be shown.
	Home string

	// Hostname is the sandbox's. Empty means "isolated", or the caller's where a
	// filter of system calls keeps names from being set, as in a container of
	// Podman's; Report.KeptNames says so. One that is given and can't be set is an
	// error.
	Hostname string

	// Limits bound what the program and all that it starts can use.
	Limits Limits

	// User is the user and group that the program sees itself as. Nil means the
	// caller's own. Outside, the program is always the caller's.
	User *User

	// AllowUserNamespaces lets the program make user namespaces of its own, so that
	// another sandbox can run in this one. It widens what the program can ask
	// of the kernel, leaves the process file system unmasked, and does what
	// AllowSymlinks does, since nobody can mount under Landlock.
	AllowUserNamespaces bool

	// CowDir is an existing directory on the host in which the changes of each
	// CopyOnWrite mount are kept, under the mount's path. Empty throws them away.
	CowDir string

	// AllowSymlinks lets the program make symbolic links, sockets, named pipes and
	// device nodes in the host's directories that it can write to. Preventing that
	// needs Landlock (Linux 5.13). Whoever writes to a file there later, such as a
	// notebook server that saves a notebook, follows a link that the program left
	// in its place.
	AllowSymlinks bool

	// ShareProc shows the caller's process file system, read-only, in place of one
	// of the sandbox's own. Where parts of /proc are hidden, as in most containers,
	// the kernel makes no other. The program then sees the names, command lines,
	// status, limits, mount tables, control groups and numbers of open descriptors of
	// the caller's other processes, and the tables of their network. Its own
	// processes have other numbers there than those that it knows them by, and limits
	// that need /proc/sys aren't there.
	ShareProc bool

	// Missed has the caller take note of what the program looks for and the sandbox
	// doesn't show: see Report.Missed. It is for programs that are trusted: what the
	// program says that it looks for is looked up outside, by its path, after its end.
	// Nothing else is shown, and the program runs more slowly.
	Missed bool

	// AssembleOn is an existing directory of the host on which the new root is
	// assembled. Empty means that none is needed.
	AssembleOn string

	machine   string   // of a test, instead of /
	keptNames []string // as in Report, once the policy is complete
}

// A User is a user's and a group's number.
type User struct{ UID, GID int }

// Network says which network a program has.
type Network int

const (
	// NetworkNone is a network namespace of its own with the loopback
	// interface up and nothing else.
	NetworkNone Network = iota
	// NetworkHost shares the caller's network, and with it every service on
	// the loopback interface and every abstract socket.
	NetworkHost
)

// ParseNetwork reads the name of a Network: none or host.
func ParseNetwork(name string) (Network, error) {
	switch name {
	case "none":
		return NetworkNone, nil
	case "host":
		return NetworkHost, nil
	}
	return NetworkNone, errors.New("it is none or host")
}

// A File is a small file made for the sandbox.
type File struct {
	// Path is absolute, inside.
	Path string
	// Mode is the file's permission bits, such as 0o600.
	Mode uint32
	// Data is the content.
	Data []byte
}

// plan returns the policy, complete, and the tree that it makes, which is to be
// closed.
func (p Policy) plan() (Policy, *tree, error) {
	p, err := p.complete()
	if err != nil {
		return p, nil, err
	}
	t, err := p.decide(firstLook{})
	return p, t, err
}

// decide is the rest of plan, once the policy is complete. It takes the first look over,
// if there was one.
func (p *Policy) decide(first firstLook) (t *tree, err error) {
	if first.mounts == nil {
		t, err = newTree(p)
	} else {
		t, err = newTreeSince(p, first)
	}
	for tries := 0; isPassing(err) && tries < mostTries; tries++ {
		t, err = newTree(p)
	}
	if err == nil {
		t.enter(p)
		p.Env = withDefault(p.Env, "TMPDIR", t.wall.tmpDir())
	}
	return t, err
}

// complete fills in what the policy leaves to the caller's surroundings, and
// refuses what no system call could be made of.
func (p Policy) complete() (Policy, error) {
	if p.Env == nil {
		p.Env = FilterEnv(os.Environ(), p.gpuVariables())
	}
	if p.Home == "" {
		p.Home = HomeDir()
	}

	p.Env = withDefault(p.Env, "HOME", p.Home)
	if err := p.keepNames(); err != nil {
		return p, err
	}
	if p.User == nil {
		p.User = &User{os.Geteuid(), os.Getegid()}
	}
	if p.Dir == "" {
		var err error
		if p.Dir, err = WorkingDir(); err != nil {
			return p, err
		}
	}

	if p.DirNames == nil {
		p.DirNames = []string{os.Getenv("PWD")}
	}

	return p, p.check()
}

// WorkingDir returns the caller's working directory, without links. (os.Getwd would
// believe $PWD.) The error is a *SetupError.
func WorkingDir() (string, error) {
	dir, err := unix.Getwd()
	if err == nil && filepath.IsAbs(dir) {
		return dir, nil
	}
	e := &SetupError{Doing: "find the working directory", Err: err}
	switch err {
	case nil: // "(unreachable)" and a path, getcwd(3)
		e.Err = errors.New("it was unmounted, or lies outside of the root directory")
		e.Kind = KindDirDeleted
	case unix.ENOENT:
		e.Err = errors.New("it was deleted")
		e.Kind = KindDirDeleted
	case unix.ERANGE, unix.ENAMETOOLONG:
		e.Err = errors.New("its path is longer than the 4095 bytes that Linux takes")
		e.Kind = KindDirTooLong
	}
	return "", e
}

func (p *Policy) check() error {
	texts := slices.Concat(p.Env, []string{p.Home, p.Dir, p.Hostname, p.AssembleOn, p.CowDir})
	for _, m := range slices.Concat(p.Mounts, p.Base) {
		texts = append(texts, m.Source, m.Target)
	}
	texts = append(texts, p.Devices...)
	for _, f := range p.Files {
		texts = append(texts, f.Path)
	}
	for _, text := range texts {
		if strings.ContainsRune(text, 0) {
			return &SetupError{Doing: "read the policy", Path: fmt.Sprintf("%q", text), Err: errors.New("it holds a NUL byte")}
		}
	}
	if !filepath.IsAbs(p.Home) || filepath.Clean(p.Home) == "/" {
		return &SetupError{Doing: "make the home directory", Path: p.Home, Err: errors.New("not an absolute path below /"), Kind: KindHome}
	}
	p.Home = filepath.Clean(p.Home)
	_, err := p.services()
	return err
}

// flags returns the namespaces that the sandbox gets.
func (p *Policy) flags() uintptr {
	if p.Network == NetworkHost {
		return namespaces
	}
	return namespaces | unix.CLONE_NEWNET
}
