package isolate

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// DefaultBase returns the system that programs need: /usr and the links into it, and
// what the dynamic linker, locales, fonts, certificates and language runtimes keep in
// /etc, but nothing that the host's services keep there. All of it is read-only, and
// skipped if the machine doesn't have it.
func DefaultBase() []Mount {
	var base []Mount
	for _, path := range basePaths(entriesOf("/etc")) {
		base = append(base, ReadOnly(path).IfExists())
	}
	return base
}

// basePaths returns the paths of the default base, of which etc are those in /etc.
func basePaths(etc []entry) []string {
	paths := make([]string, 0, 128)
	paths = append(paths,
		"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32",
		// Without its cache fontconfig reads every font at each start and
		// complains on stderr that it can't keep what it found.
		"/var/cache/fontconfig",
		// lscpu, joblib and OpenMPI count the processors here, and complain on
		// stderr if they can't. It shows little more than /proc/cpuinfo.
		"/sys/devices/system/cpu", "/sys/devices/system/node",
	)
	for _, name := range etcNames {
		paths = append(paths, "/etc/"+name)
	}
	versioned := len(paths)
	for _, e := range etc {
		if slices.ContainsFunc(etcVersioned, func(prefix string) bool { return strings.HasPrefix(e.name, prefix) }) {
			paths = append(paths, "/etc/"+e.name)
		}
	}
	slices.Sort(paths[versioned:])
	return paths
}

// defaultBase returns the nodes of DefaultBase, with fewer mounts than entries: a link
// into /usr is made again, and a small file is copied. Entries that don't exist or aren't
// readable are left out.
func defaultBase() (nodes []*node) {
	etc := entriesOf("/etc")
	inEtc := make(map[string]bool, len(etc))
	for _, e := range etc {
		inEtc[e.name] = true
	}
	reader := newFileReader(16 << 10) // bytes; from about here on a mount costs less than a copy
	for _, path := range basePaths(etc) {
		if name, ok := strings.CutPrefix(path, "/etc/"); ok {
			if first, _, _ := strings.Cut(name, "/"); !inEtc[first] {
				continue // like half of them; a look at each would be a call
			}
		}
		if n := baseNode(path, reader); n != nil {
			n.base = true
			nodes = append(nodes, n)
		}
	}
	return nodes
}

// baseNode returns the node for an entry of the default base, or nil.
func baseNode(path string, small *fileReader) *node {
	var st unix.Stat_t
	if unix.Lstat(path, &st) != nil {
		return nil
	}
	n := &node{target: path, access: AccessReadOnly}
	switch kind := st.Mode & unix.S_IFMT; {
	case kind == unix.S_IFLNK:
		to, err := os.Readlink(path)
		if err != nil {
			return nil
		}
		if !filepath.IsAbs(to) {
			to = filepath.Join(filepath.Dir(path), to)
		}
		if strings.HasPrefix(filepath.Clean(to), "/usr/") {
			n.kind, n.source = linkNode, to
			return n
		}
	case kind == unix.S_IFREG && st.Size <= int64(small.most):
		data, err := small.read(path)
		if err != nil {
			return nil
		}
		n.kind, n.mode, n.data = fileNode, 0o644, data
		return n
	case kind == unix.S_IFDIR && st.Uid == 0:
		// Nobody but root can have put a link on the way.
		if host, err := lookNear(path); err == nil {
			n.kind, n.host, n.source, n.dir = bindNode, host, host.path, true
			return n
		}
	}
	if n.openSource(path) != nil {
		return nil
	}
	return n
}

// etcNames are the entries of /etc that programs read and that say nothing about the
// machine's users and services. The rest is made: see addMadeFiles.
var etcNames = []string{
	"ld.so.cache", "ld.so.conf", "ld.so.conf.d", "alternatives",
	"ssl/certs", "ssl/openssl.cnf", "ca-certificates", "pki/tls/certs", "pki/ca-trust", "crypto-policies",
	"localtime", "timezone", "locale.alias", "locale.conf", "locale.gen", "default/locale",
	"os-release", "debian_version", "lsb-release", "redhat-release",
	"fonts", "mime.types", "magic", "magic.mime", "papersize", "terminfo", "inputrc",
	"protocols", "services", "gai.conf", "host.conf", "networks", "shells",
	"profile", "profile.d", "bash.bashrc", "bash_completion",
	"R", "octave.conf", "octaverc", "julia", "perl", "texmf", "ghostscript", "gnuplot", "matplotlibrc", "OpenCL", "vulkan",
	"maven", "gtk-2.0", "gtk-3.0", "X11/rgb.txt", "dictionaries-common", "ipython", "chromium", "chromium.d", "openmpi", "vim", "zsh",
}

// etcVersioned are the beginnings of names with a version in them.
var etcVersioned = []string{"python2", "python3", "java", "ImageMagick"}

// devices are those that hold nobody's data.
var devices = []string{"null", "zero", "full", "random", "urandom", "tty"}

// systemNodes returns what every sandbox has in /proc and /dev, whatever the base is. A
// node comes after the one that it lies in.
func systemNodes(p *Policy) ([]*node, error) {
	proc := &node{kind: procNode, target: "/proc", source: "/proc", dir: true, access: AccessPrivate}
	if p.ShareProc {
		proc.access = AccessReadOnly
	}
	nodes := []*node{proc}
	isCovered := slices.ContainsFunc(slices.Concat(p.Base, p.Mounts), func(m Mount) bool { return m.covers("/proc") && !m.isOwn() })
	// The kernel lets a sandbox inside mount its own process file system only if
	// all of this one is visible, which one that is shared hardly ever is.
	if (!p.AllowUserNamespaces || p.ShareProc) && !isCovered {
		if !p.ShareProc {
			nodes = append(nodes, &node{kind: procSysNode, target: "/proc/sys", source: "/proc/sys", dir: true, cover: proc})
		}
		masked, err := maskedProc()
		if err != nil {
			return nil, err
		}
		for _, e := range masked {
			nodes = append(nodes, &node{kind: maskNode, target: "/proc/" + e.name, dir: e.kind == unix.DT_DIR, listed: true, cover: proc})
		}
	}

	for _, name := range devices {
		nodes = append(nodes, &node{kind: deviceNode, target: "/dev/" + name, source: "/dev/" + name})
	}
	nodes = append(nodes, &node{kind: ptsNode, target: "/dev/pts", dir: true})
	for name, to := range map[string]string{
		"/dev/ptmx": "pts/ptmx", "/dev/fd": "/proc/self/fd", "/dev/stdin": "/proc/self/fd/0",
		"/dev/stdout": "/proc/self/fd/1", "/dev/stderr": "/proc/self/fd/2",
	} {
		nodes = append(nodes, &node{kind: linkNode, target: name, source: to})
	}
	return nodes, nil
}

// addSystem adds what every sandbox has itself.
func (t *tree) addSystem(p *Policy, nodes []*node) {
	for _, n := range nodes {
		t.add(n)
	}
	t.add(&node{kind: linkNode, target: "/var/run", source: "/run"})
	for _, dir := range []string{"/tmp", "/var/tmp", "/dev/shm"} {
		t.add(&node{kind: privateNode, target: dir, dir: true, mode: 0o1777, own: true})
	}
	t.add(&node{kind: privateNode, target: p.Home, dir: true, mode: 0o700, own: true})
}

// addMadeFiles adds those files of /etc that would otherwise show who else has an
// account here, and where the machine is.
func (t *tree) addMadeFiles(p *Policy) {
	user, uid, gid := accountName(t.account, os.Getuid()), p.User.UID, p.User.GID
	for name, content := range map[string]string{
		"passwd": passwdLine(user, uid, gid, p.Home, p.shell()) + nobody("nobody:x:%d:%d:nobody:/nonexistent:/usr/sbin/nologin\n", uid),
		"group":  fmt.Sprintf("%s:x:%d:\n", user, gid) + nobody("nogroup:x:%d:\n", gid),
		"hosts": "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n" +
			"127.0.1.1 " + p.Hostname + "\n",
		"hostname":      p.Hostname + "\n",
		"nsswitch.conf": "passwd: files\ngroup: files\nhosts: " + p.hostSources() + "\nservices: files\nprotocols: files\n",
	} {
		t.add(&node{kind: fileNode, target: "/etc/" + name, mode: 0o644, data: []byte(content)})
	}

	t.add(&node{kind: linkNode, target: "/etc/mtab", source: "/proc/self/mounts"})
	if len(p.Services) > 0 {
		t.add(&node{kind: fileNode, target: "/etc/resolv.conf", mode: 0o644, data: []byte("nameserver " + resolverAddress.String() + "\n")})
	}
	if p.Network == NetworkHost {
		if conf, err := os.ReadFile("/etc/resolv.conf"); err == nil {
			t.add(&node{kind: fileNode, target: "/etc/resolv.conf", mode: 0o644, data: conf})
		}
		if hosts, err := os.ReadFile("/etc/hosts"); err == nil {
			t.add(&node{kind: fileNode, target: "/etc/hosts", mode: 0o644, data: append(hosts, []byte("127.0.1.1 "+p.Hostname+"\n")...)})
		}
	}
}

// hostSources returns where host names are looked up, nsswitch.conf(5). Without a
// network there is no resolver: asking one would give a temporary failure instead of
// "no such name".
func (p *Policy) hostSources() string {
	switch {
	case p.Network == NetworkHost, len(p.Services) > 0:
		return "files dns"
	case p.Missed:
		// A resolver that isn't there is asked for the name, so that it is heard, and
		// the end is the same.
		return "files dns files"
	}
	return "files"
}

func passwdLine(user string, uid, gid int, home, shell string) string {
	field := strings.NewReplacer(":", "_", "\n", "_")
	return fmt.Sprintf("%s:x:%d:%d::%s:%s\n", field.Replace(user), uid, gid, field.Replace(home), field.Replace(shell))
}

// nobody returns the account that owns files of unmapped users, unless it is the
// caller's.
func nobody(line string, id int) string {
	const overflow = 65534 // /proc/sys/kernel/overflowuid, unless changed
	if id == overflow {
		return ""
	}
	return strings.ReplaceAll(line, "%d", fmt.Sprint(overflow))
}

// userName returns the caller's name in the passwd file, or else $USER, or the ID. An
// account of a directory service gets its name from $USER.
func userName(uid int) string { return accountName(passwdEntry(uid), uid) }

func accountName(account []string, uid int) string {
	if account != nil {
		return account[0]
	}
	if name := os.Getenv("USER"); name != "" {
		return name
	}
	return fmt.Sprintf("uid%d", uid)
}

// HomeDir returns the caller's home directory: $HOME, or else the one in the passwd
// file, or else "/home/" and the user's name.
func HomeDir() string {
	if home := os.Getenv("HOME"); filepath.IsAbs(home) && filepath.Clean(home) != "/" {
		return filepath.Clean(home)
	}
	if fields := passwdEntry(os.Getuid()); fields != nil && filepath.IsAbs(fields[5]) && fields[5] != "/" {
		return filepath.Clean(fields[5])
	}
	return "/home/" + userName(os.Getuid())
}

// passwdEntry returns the fields of uid's line in /etc/passwd, passwd(5).
func passwdEntry(uid int) []string {
	passwd, err := os.ReadFile("/etc/passwd")
	if err != nil {
		return nil
	}
	number := ":" + strconv.Itoa(uid) + ":"
	for line := range strings.Lines(string(passwd)) {
		if !strings.Contains(line, number) {
			continue
		}
		fields := strings.Split(strings.TrimSpace(line), ":")
		if len(fields) == 7 && fields[2] == number[1:len(number)-1] {
			return fields
		}
	}
	return nil
}

func (p *Policy) shell() string {
	if shell, ok := getenv(p.Env, "SHELL"); ok && unix.Access(shell, unix.X_OK) == nil {
		return shell
	}
	return "/bin/sh"
}
