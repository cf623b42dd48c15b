package options

import "slices"

// Isolate returns the options of isolate that are its own.
func Isolate() []Option {
	memory := "The default is nine tenths of the memory, where another limit has a control group made."
	return slices.Concat([]Option{
		{
			Names: []string{"-m", "--mount", "--mnt"}, Values: []string{"ENTRIES"}, Many: true,
			Text: "What the program sees, in place of this directory. ENTRIES stand between white space, as under ENTRIES. May be given several times.",
		},
		{
			Names: []string{"--tmpfs", "--dir"}, Values: []string{"DIR"}, Many: true,
			Text: "An empty directory of the sandbox's own. The directories above it are made too.",
		},
		{
			Names: []string{"--cow-dir"}, Values: []string{"DIR"},
			Text: "Keep what it changes in `cow:` mounts under DIR.",
		},
		{
			Names: []string{"--network"}, Values: []string{"MODE"},
			Text: "`none` (default), or `host`, the machine's own. It shares every service on this machine's loopback interface and abstract sockets.",
		},
		{
			Names: []string{"--env"}, Values: []string{"NAME[=VALUE]"}, Many: true,
			Text: "Let a variable in, or set one. ENVIRONMENT names those that are let in by themselves.",
		},
		{
			Names: []string{"--chdir"}, Values: []string{"DIR"},
			Text: "The working directory inside.",
		},
		{
			Names: []string{"--hostname"}, Values: []string{"NAME"},
			Text: "The name of the machine inside.",
		},
		{
			Names: []string{"--uid"}, Values: []string{"N"},
			Text: "The user that the program takes itself for.",
		},
		{
			Names: []string{"--gid"}, Values: []string{"N"},
			Text: "The group that the program takes itself for.",
		},
		allowSymlinks("program"),
		{
			Names: []string{"--allow-userns"},
			Text:  "Let it make user namespaces and links. Another isolate, say, needs them.",
		},
		{
			Names: []string{"-b", "--basedir"}, Values: []string{"DIR"},
			Text: "Assemble the new root on DIR.",
		},
	}, limits("program", memory, "512M"), []Option{
		{
			Names: []string{"--report"}, Values: []string{"FILE"},
			Text: "Write at the end how it ended and what it used. FILE gets, in JSON, the status or signal, the limit that ended the program, wall and CPU time, memory, and what limits were in force: how each was enforced, and which are defaults.",
		},
		{
			Names: []string{"--dry-run"},
			Text:  "Say what the program would see, and run nothing.",
		},
		{
			Names: []string{"--explain"}, Values: []string{"PATH"},
			Text: "Say whether it would see PATH, and run nothing. It says through which entry, and which entry would change that. The status is 1 if it would not.",
		},
		{
			Names: []string{"-v", "--verbose"},
			Text:  "Say first what the program sees.",
		},
	}, Help())
}

// Bubblewrap returns the options of isolate that are bubblewrap's.
func Bubblewrap() []Option {
	return []Option{
		{Names: []string{"--bind"}, Values: []string{"SOURCE", "TARGET"}, Many: true, Text: "Show SOURCE at TARGET, writable."},
		{Names: []string{"--bind-try"}, Values: []string{"SOURCE", "TARGET"}, Many: true, Text: "The same, if it exists."},
		{Names: []string{"--ro-bind"}, Values: []string{"SOURCE", "TARGET"}, Many: true, Text: "Show SOURCE at TARGET, read-only."},
		{Names: []string{"--ro-bind-try"}, Values: []string{"SOURCE", "TARGET"}, Many: true, Text: "The same, if it exists."},
		{Names: []string{"--setenv"}, Values: []string{"NAME", "VALUE"}, Many: true, Text: "Set a variable."},
		{Names: []string{"--unsetenv"}, Values: []string{"NAME"}, Many: true, Text: "Keep a variable out."},
		{Names: []string{"--clearenv"}, Text: "Keep all variables out."},
		{Names: []string{"--share-net"}, Text: "The same as `--network host`."},
		{Names: []string{"--proc"}, Values: []string{"DIR"}, Text: "DIR is /proc."},
		{Names: []string{"--dev"}, Values: []string{"DIR"}, Text: "DIR is /dev."},
		{Names: []string{"--die-with-parent"}, Text: "End the program when what started isolate ends."},
		{Names: []string{"--new-session", "--disable-userns"}, Text: "Always so."},
		{
			Names: []string{
				"--unshare-all", "--unshare-user", "--unshare-user-try", "--unshare-ipc", "--unshare-pid", "--unshare-net",
				"--unshare-uts", "--unshare-cgroup", "--unshare-cgroup-try",
			},
			Text: "Always so.",
		},
	}
}
