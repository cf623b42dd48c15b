package options

import "slices"

// Isolate returns isolate's own options.
func Isolate() []Option {
	memory := "The default is nine tenths of the memory if another limit needs a control group."
	return slices.Concat([]Option{
		{
			Names: []string{"-m", "--mount", "--mnt"}, Values: []string{"ENTRIES"}, Many: true,
			Text: "What the program sees instead of this directory. ENTRIES are separated by white space; see ENTRIES. May be given several times.",
		},
		{
			Names: []string{"--tmpfs", "--dir"}, Values: []string{"DIR"}, Many: true,
			Text: "An empty directory of the sandbox's own. The directories above it are made, too.",
		},
		{
			Names: []string{"--cow-dir"}, Values: []string{"DIR"},
			Text: "Keep the changes of `cow:` mounts in DIR.",
		},
		{
			Names: []string{"--network"}, Values: []string{"MODE"},
			Text: "`none` (default), or `host`, the machine's own. `host` shares every service on this machine's loopback interface and, before Linux 6.12, its abstract sockets.",
		},
		connect("program"), allowHost("program"), device("program"), gpu("program"),
		{
			Names: []string{"--env"}, Values: []string{"NAME[=VALUE]"}, Many: true,
			Text: "Pass a variable of yours, or set one. ENVIRONMENT lists those that are passed anyway.",
		},
		{
			Names: []string{"--chdir"}, Values: []string{"DIR"},
			Text: "The working directory inside.",
		},
		{
			Names: []string{"--hostname"}, Values: []string{"NAME"},
			Text: "The host name inside.",
		},
		{
			Names: []string{"--uid"}, Values: []string{"N"},
			Text: "The user ID inside.",
		},
		{
			Names: []string{"--gid"}, Values: []string{"N"},
			Text: "The group ID inside.",
		},
		allowSymlinks("program"),
		{
			Names: []string{"--allow-userns"},
			Text:  "Allow user namespaces and, as above, links. The program can then make both, the links as with `--allow-symlinks`. Another isolate inside needs them.",
		},
		shareProc("program"),
		{
			Names: []string{"-b", "--basedir"}, Values: []string{"DIR"},
			Text: "Assemble the new root on DIR.",
		},
	}, limits("program", memory, "512M"), []Option{
		report("program"),
		missed("program"),
		{
			Names: []string{"--dry-run"},
			Text:  "Say what the program would see, and run nothing.",
		},
		{
			Names: []string{"--explain"}, Values: []string{"PATH"},
			Text: "Say whether it would see PATH, and run nothing. This says through which entry, and which entry would change that. The status is 1 if it would not.",
		},
		{
			Names: []string{"-v", "--verbose"},
			Text:  "First say what the program sees.",
		},
	}, Common())
}

// Bubblewrap returns the options that isolate shares with bubblewrap.
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
		{Names: []string{"--proc"}, Values: []string{"DIR"}, Text: "Accepted for /proc, which is always there."},
		{Names: []string{"--dev"}, Values: []string{"DIR"}, Text: "Accepted for /dev, which is always there."},
		{Names: []string{"--die-with-parent"}, Text: "End the program when the caller of isolate ends."},
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
