package missed

import (
	"path"
	"slices"
	"strings"

	"isolate-namespace/internal/pathname"
)

// wide are directories in which much else lies.
var wide = []string{
	"/", "/bin", "/boot", "/dev", "/dev/shm", "/etc", "/home", "/lib", "/lib64", "/media", "/mnt", "/opt", "/proc", "/root",
	"/run", "/run/media", "/run/user", "/sbin", "/snap", "/srv", "/sys", "/tmp", "/usr", "/usr/local", "/usr/local/share",
	"/var", "/var/cache", "/var/lib", "/var/log", "/var/spool", "/var/tmp",
}

// wideInHome are those of a home directory, besides itself.
var wideInHome = []string{".cache", ".local", ".local/lib", ".local/share", "Desktop", "Documents", "Downloads"}

// isWide reports whether a directory holds so much else that it is never shown whole: also
// one above what is shown, such as that of all students' work.
func (s *Surroundings) isWide(dir string) bool {
	if slices.Contains(wide, dir) || pathname.Within(s.Home, dir) {
		return true
	}
	if home, rest := s.inHome(dir); home != "" && (rest == "" || slices.Contains(wideInHome, rest)) {
		return true
	}
	return slices.ContainsFunc(s.Shown, func(shown string) bool { return isBelow(shown, dir) })
}

// inHome returns the home directory that a path is or lies in, and the way from there:
// the user's, and others' where they usually are.
func (s *Surroundings) inHome(to string) (home, rest string) {
	homes := []string{s.Home, "/root"}
	if name, ok := strings.CutPrefix(to, "/home/"); ok {
		name, _, _ = strings.Cut(name, "/")
		homes = append(homes, path.Join("/home", name))
	}
	for _, home := range homes {
		if home != "" && pathname.Within(to, home) {
			return home, strings.TrimPrefix(to[len(home):], "/")
		}
	}
	return "", ""
}

// dataInHome are hidden directories of a home directory in which programs keep what they
// installed or fetched, and no secrets.
var dataInHome = []string{
	".cache", ".local/bin", ".local/lib", ".local/share", ".local/pipx", ".asdf", ".bun", ".cargo/bin", ".cargo/registry",
	".conda/envs", ".conda/pkgs", ".deno", ".gem", ".ghcup", ".gradle/caches", ".julia", ".juliaup", ".keras", ".m2/repository",
	".mamba", ".matplotlib", ".nltk_data", ".nvm", ".pyenv", ".rbenv", ".rustup", ".sdkman", ".seaborn-data", ".stack", ".volta",
}

// secretInHome are parts of the above that do hold some.
var secretInHome = []string{".local/share/keyrings", ".local/share/kwalletd", ".local/share/jupyter/runtime", ".local/share/gnupg"}

// isSecret reports whether f is or lies in a place where people and programs keep
// secrets: hidden files of a home directory, the runtime directory, and what the system
// shows to some only.
func (s *Surroundings) isSecret(f Seen) bool {
	if s.Runtime != "" && pathname.Within(f.Path, s.Runtime) || pathname.Within(f.Path, "/run/user") {
		return true
	}
	for _, dir := range []string{"/etc", "/var", "/run", "/boot"} {
		if f.Closed && !f.Dir && isBelow(f.Path, dir) && !f.Socket {
			return true
		}
	}
	_, rest := s.inHome(f.Path)
	if !strings.HasPrefix(rest, ".") {
		return false
	}
	in := func(dirs []string) bool {
		return slices.ContainsFunc(dirs, func(dir string) bool { return pathname.Within(rest, dir) })
	}
	return !in(dataInHome) || in(secretInHome)
}

// noise is what programs look for wherever they run, and whose absence means nothing:
// what the machine is called, how it resolves names, what services offer to everybody,
// the kernel's files, locales and fonts.
var noise = []string{
	"/proc", "/sys", "/dev/pts", "/dev/log",
	"/etc/adjtime", "/etc/environment", "/etc/hostid", "/etc/iproute2", "/etc/jupyter", "/etc/ld.so.preload", "/etc/ldap", "/etc/machine-id", "/etc/nscd.conf",
	"/etc/passwd", "/etc/resolv.conf", "/etc/selinux", "/etc/sysconfig", "/etc/timezone",
	"/run/dbus", "/run/nscd", "/run/resolvconf", "/run/systemd", "/run/udev", "/run/utmp",
	"/usr/local/etc/jupyter", "/usr/local/share/jupyter", "/usr/share/locale",
	"/var/cache/fontconfig", "/var/cache/nscd", "/var/lib/dbus", "/var/lib/sss", "/var/log", "/var/run/nscd",
}

// noiseInHome is the same in a home directory: also what shells and front ends read when a
// person types, and caches of which nothing is lost.
var noiseInHome = []string{
	".bash_history", ".bash_login", ".bash_logout", ".bash_profile", ".bashrc", ".profile", ".zshrc", ".zshenv", ".zprofile", ".zlogin",
	".inputrc", ".lesshst", ".terminfo", ".hushlogin",
	".R/history", ".Rhistory", ".python_history", ".node_repl_history", ".sqlite_history", ".local/share/octave",
	".ipython", ".jupyter",
	".fontconfig", ".fonts", ".fonts.conf", ".fonts.conf.d", ".config/fontconfig", ".local/share/fonts",
	".cache/fontconfig", ".cache/matplotlib", ".cache/mesa_shader_cache", ".cache/node-gyp", ".cache/pip",
	".java", ".hotspotrc", ".hotspot_compiler",
}

// libraries are the last names of directories in which languages look for packages, at
// each start.
var libraries = []string{"site-packages", "dist-packages", "node_modules", ".node_modules", ".node_libraries"}

// isNoise reports whether f is left out.
func (s *Surroundings) isNoise(f Seen) bool {
	to := f.Path
	if f.Dir && slices.ContainsFunc(s.Search, func(dir string) bool { return pathname.Within(dir, to) }) {
		return true // where a program would be looked for
	}
	if slices.ContainsFunc(noise, func(dir string) bool { return pathname.Within(to, dir) }) {
		return true
	}
	if home, rest := s.inHome(to); home != "" && slices.ContainsFunc(noiseInHome, func(dir string) bool { return pathname.Within(rest, dir) }) {
		return true
	}
	if slices.Contains(libraries, path.Base(to)) || isUserLibrary(to) {
		return true
	}
	first := strings.Split(to, "/")
	if f.Partly && slices.Contains(wide, to) && to != s.Home {
		return true // whose rest nobody expects
	}
	return slices.Contains(first, "LC_MESSAGES") || strings.HasPrefix(to, "/tmp/hsperfdata_")
}

// isUserLibrary reports whether a path is a user's library of R packages as R names
// it, such as ~/R/x86_64-pc-linux-gnu-library/4.3.
func isUserLibrary(to string) bool {
	return path.Base(path.Dir(path.Dir(to))) == "R" && strings.HasSuffix(path.Base(path.Dir(to)), "-library")
}
