package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// A peer is one way to run a program, with isolate's policy or as much of it as the
// peer can be told.
type peer struct {
	name string
	argv []string // before the program
	data []string // contents of the descriptors from 3 on
	seen *view
}

// extraMounts is how many directories the figure "with more mounts" shows.
const extraMounts = 200

// command returns the peer running a program, and what to close when it has ended.
func (b *bench) command(p *peer, program ...string) (*exec.Cmd, func()) {
	argv := slices.Concat(p.argv, program)
	c := exec.Command(argv[0], argv[1:]...)
	c.Dir = b.shown
	for i := range p.data {
		f, err := os.Open(b.dataFile(i))
		if err != nil {
			panic(err) // the file was written when the peer was made
		}
		c.ExtraFiles = append(c.ExtraFiles, f)
	}
	return c, func() {
		for _, f := range c.ExtraFiles {
			f.Close()
		}
	}
}

func (b *bench) dataFile(i int) string { return filepath.Join(b.place, fmt.Sprint("data-", i)) }

// look runs the probe in a peer. If the peer has a root of its own, the probe also
// lists that.
func (b *bench) look(p *peer, ownRoot bool) error {
	what := "probe"
	if ownRoot {
		what = "probe-root"
	}
	c, done := b.command(p, filepath.Join(b.shown, "probe"), what)
	defer done()
	c.Stderr = os.Stderr
	out, err := c.Output()
	if err == nil {
		err = json.Unmarshal(out, &p.seen)
	}
	if err != nil {
		return fmt.Errorf("%s, in which the probe fails: %w", p.name, err)
	}
	return nil
}

// isolate returns the command with its defaults and so many extra directories.
func (b *bench) isolate(extra int) *peer {
	p := &peer{name: "isolate", argv: []string{b.binary, "-m", "."}}
	for i := range extra {
		p.argv = append(p.argv, "-m", "ro:"+b.extraDir(i))
	}
	p.argv = append(p.argv, "--")
	return p
}

func (b *bench) extraDir(i int) string { return filepath.Join(b.place, "extra", fmt.Sprint(i)) }

// bubblewrap shows what isolate was seen to show.
func (b *bench) bubblewrap(seen *view) (*peer, error) {
	p := &peer{name: "bubblewrap, the same policy", argv: []string{"bwrap",
		"--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup", "--unshare-net",
		"--die-with-parent", "--new-session", "--disable-userns", "--cap-drop", "ALL",
		"--hostname", "isolated", "--clearenv"}}
	for _, entry := range seen.Env {
		name, value, _ := strings.Cut(entry, "=")
		p.argv = append(p.argv, "--setenv", name, value)
	}

	p.argv = append(p.argv, "--dev", "/dev")
	for _, m := range seen.Mounts {
		p.argv = append(p.argv, b.bubblewrapMount(m)...)
	}
	for _, path := range slices.Sorted(maps.Keys(seen.Links)) {
		if !strings.HasPrefix(path, "/dev/") {
			p.argv = append(p.argv, "--symlink", seen.Links[path], path)
		}
	}
	for _, path := range slices.Sorted(maps.Keys(seen.Files)) {
		p.argv = append(p.argv, "--perms", "0644", "--file", fmt.Sprint(3+len(p.data)), path)
		p.data = append(p.data, seen.Files[path])
	}

	p.argv = append(p.argv, "--remount-ro", "/", "--chdir", b.shown, "--")
	for i, data := range p.data {
		if err := os.WriteFile(b.dataFile(i), []byte(data), 0o644); err != nil {
			return nil, err
		}
	}

	return p, nil
}

func (b *bench) bubblewrapMount(m mount) []string {
	switch {
	case m.Target == "/" || m.Target == "/dev/pts" || m.FS == "devtmpfs": // of --dev
		return nil
	case m.Target == "/proc":
		return []string{"--proc", m.Target}
	case m.Target == "/proc/sys":
		return []string{"--ro-bind", m.Target, m.Target}
	case strings.HasPrefix(m.Target, "/proc/") && m.Dir:
		return []string{"--ro-bind", filepath.Join(b.place, "empty"), m.Target}
	case strings.HasPrefix(m.Target, "/proc/"):
		return []string{"--ro-bind", filepath.Join(b.place, "nothing"), m.Target}
	case b.own(m):
		return []string{"--tmpfs", m.Target}
	case m.ReadOnly:
		return []string{"--ro-bind", m.Target, m.Target}
	}
	return []string{"--bind", m.Target, m.Target}
}

// own reports whether the mount is of a file system that the sandbox made.
func (b *bench) own(m mount) bool {
	return !slices.ContainsFunc(b.host.Mounts, func(h mount) bool { return h.Device == m.Device })
}

// others returns the peers that can't be told the same policy, the host itself
// among them.
func (b *bench) others() []*peer {
	return []*peer{
		{name: "plain"},
		{name: "unshare", argv: []string{"unshare", "--map-current-user", "--mount", "--pid", "--ipc", "--uts", "--cgroup", "--net",
			"--fork", "--mount-proc", "--kill-child", "--"}},
		{name: "firejail", argv: b.firejail()},
		{name: "sandlock", argv: b.sandlock()},
	}
}

// sandlock, which has no namespaces, permits what isolate shows. scripts/setup puts it
// beside the commands.
func (b *bench) sandlock() []string {
	argv := []string{filepath.Join(filepath.Dir(b.binary), "../sandlock/bin/sandlock"), "run", "--net-deny", "*", "--clean-env", "--no-coredump"}
	for _, m := range b.ours.seen.Mounts {
		if !b.own(m) && m.FS != "devtmpfs" && m.Target != b.shown {
			argv = append(argv, "--fs-read", m.Target)
		}
	}
	return append(argv, "--fs-read", "/lib", "--fs-read", "/lib64", "--fs-read", "/proc", "--fs-read", "/dev", "--fs-write", "/dev/null", "--fs-write", b.shown, "--")
}

// firejail, which has no root of its own, hides what isolate doesn't show.
func (b *bench) firejail() []string {
	argv := []string{"firejail", "--quiet", "--noprofile", "--net=none", "--ipc-namespace", "--hostname=isolated",
		"--private", "--private-dev", "--caps.drop=all", "--nonewprivs", "--seccomp"}
	shown := map[string]bool{"run": true} // firejail's own place
	for _, m := range b.ours.seen.Mounts {
		top, _, below := strings.Cut(strings.TrimPrefix(m.Target, "/"), "/")
		shown[top] = true
		if b.own(m) || m.FS == "devtmpfs" {
			continue
		}
		if m.ReadOnly {
			argv = append(argv, "--read-only="+m.Target)
		}
		if below && top != "sys" { // firejail refuses all of /sys but modules
			argv = append(argv, "--whitelist="+m.Target)
		}
	}

	entries, _ := os.ReadDir("/")
	for _, entry := range entries {
		if entry.IsDir() && !shown[entry.Name()] {
			argv = append(argv, "--blacklist=/"+entry.Name())
		}
	}

	return append(argv, "--")
}
