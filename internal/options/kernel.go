package options

import "slices"

// Kernel returns the options of a twin, which isolate-kernel takes.
func Kernel() []Option {
	memory := "The default is nine tenths of the memory if a control group can be made without asking systemd."
	return slices.Concat([]Option{
		{
			Names: []string{"--network"}, Values: []string{"MODE"},
			Text: "`none` (default), or `host`, the machine's own. " +
				"With `none` the kernel reaches nothing. On this machine, only programs of the user who runs the kernel, of root, and of the users whose processes started it, such as a gateway's, can connect to its ports. Clients on other machines can connect if Jupyter's `ip` setting names an address that they reach. " +
				"`host` shows the kernel every service on this machine's loopback interface, including the Jupyter server and other kernels' output. It then listens on its ports itself, and every local user can connect to them.",
		},
		connect("kernel"), allowHost("kernel"), device("kernel"), gpu("kernel"),
		{
			Names: []string{"--env"}, Values: []string{"NAME[=VALUE]"}, Many: true,
			Text: "Pass a variable, or set one. `isolate`(1), ENVIRONMENT, lists those that are passed anyway. The variables that `kernel.json` sets in its `env` are passed this way.",
		},
		{
			Names: []string{"-m", "--mount"}, Values: []string{"ENTRIES"}, Many: true,
			Text: "What the kernel sees beside its directory. ENTRIES are as for `isolate`(1).",
		},
	}, limits("kernel", memory, "2G"), []Option{
		{
			Names: []string{"--log-size"}, Values: []string{"SIZE|none"}, Limit: true,
			Text: "The most output in the server's log, by default 16M. It counts what the kernel writes to standard output and error together. When it is reached, one line says so, and the rest is thrown away. What cells print isn't counted.",
		},
		{
			Names: []string{"--writable-notebooks"},
			Text:  "Let the kernel change the notebooks beside it. It can also replace the *.ipynb files in its working directory.",
		},
		allowSymlinks("kernel"),
		shareProc("kernel"),
	})
}

// Launcher returns the options of isolate-kernel: those of a twin, and those for one run.
func Launcher() []Option {
	return append(Kernel(), missed("kernel"), report("kernel"))
}

func report(who string) Option {
	return Option{
		Names: []string{"--report"}, Values: []string{"FILE"},
		Text: "Write to FILE how it ended and what it used. In JSON: the status or signal, the limit that ended the " + who + ", wall and CPU time, memory, which limits were in force, how each was enforced, and which are defaults; with `--missed`, what it was not shown.",
	}
}

func missed(who string) Option {
	return Option{
		Names: []string{"--missed"},
		Text: "Say at the end what the " + who + " was not shown. " +
			"These are the files, programs and connections that it looked for and would have found without the sandbox, each with the entry that shows it. Use it for code that you trust: the paths that it asks for are looked up outside. It runs more slowly.",
	}
}

// Common returns the options of every command.
func Common() []Option {
	return append([]Option{{Names: []string{"--version"}, Text: "The version, and what it was built from."}}, Help()...)
}

// Help returns the option of every command, and of every command of a command.
func Help() []Option {
	return []Option{{Names: []string{"-h", "--help"}, Text: "A summary of the options."}}
}

func connect(who string) Option {
	return Option{
		Names: []string{"--connect"}, Values: []string{"HOST:PORT"}, Many: true,
		Text: "Reach a TCP service of the machine or network. HOST is an address, a name or `localhost`, and the " + who + " finds the service there. May be given several times.",
	}
}

func allowHost(who string) Option {
	return Option{
		Names: []string{"--allow-host"}, Values: []string{"NAME[:PORT]"}, Many: true,
		Text: "Reach a public host; default ports 443, 80. `*.NAME` stands for the names below NAME, and not for NAME itself. The " + who + " can then send whatever it sees to that host. May be given several times.",
	}
}

func device(who string) Option {
	return Option{
		Names: []string{"--device"}, Values: []string{"/dev/NODE"}, Many: true,
		Text: "Let the " + who + " open a character device. It can do with it what its driver lets you do: DEVICES in `isolate`(1). Block devices, memory, whole disks and terminals are refused. May be given several times.",
	}
}

func gpu(who string) Option {
	return Option{
		Names: []string{"--gpu"}, Values: []string{"all|0,1"}, Implied: "all",
		Text: "Compute on the GPUs, all or by number. The " + who + " gets the devices of NVIDIA, ROCm or WSL, what their libraries read in /proc/driver and /sys, and the variables that they know. Cards that aren't named can't be opened.",
	}
}

func allowSymlinks(who string) Option {
	return Option{
		Names: []string{"--allow-symlinks"},
		Text:  "Allow links, sockets, fifos in shared directories. The " + who + " can then make them in directories that it shares with the host. A program outside that follows such a link follows it outside.",
	}
}

func shareProc(who string) Option {
	return Option{
		Names: []string{"--share-proc"},
		Text: "Show the /proc that is here already, read-only. This is for containers that hide parts of theirs, where no other can be mounted. " +
			"The " + who + " then sees the names, command lines, status, limits, mount tables, control groups and numbers of open descriptors of all other processes here, and the tables of their network, " +
			"and in /proc its own under other numbers than those that it has. It can't write to /proc/self, and `--inotify` and `--watches` don't hold.",
	}
}

// limits returns the limits that both commands can set.
func limits(who, memory, size string) []Option {
	all := []Option{
		{
			Names: []string{"--memory"}, Values: []string{"SIZE|none"},
			Text: "The most memory of all its processes, such as " + size + ". More ends the " + who + ". " + memory + " \"The memory\" is the least of the machine's memory and of what the control groups above may use.",
		},
		{
			Names: []string{"--pids"}, Values: []string{"N|none"},
			Text: "The most processes and threads, by default 4096. Root has the default only in a control group.",
		},
		{
			Names: []string{"--cpus"}, Values: []string{"N"},
			Text: "The most processors' worth of time, such as 0.5.",
		},
		{
			Names: []string{"--time"}, Values: []string{"T"},
			Text: "The most time from start to end: 90, 90s or 1h30m.",
		},
		{
			Names: []string{"--cpu-time"}, Values: []string{"T"},
			Text: "The most computing time of all its processes.",
		},
		{
			Names: []string{"--file-size"}, Values: []string{"SIZE"},
			Text: "The size that one file can grow to.",
		},
		{
			Names: []string{"--tmp-size"}, Values: []string{"SIZE|none"},
			Text: "The most in HOME, /tmp and other private places. This counts HOME, /tmp, /var/tmp, /dev/shm and the changes in `cow:` mounts together. The default is a quarter of the memory, and no more than `--memory`. When they are full, the program gets an error.",
		},
		{
			Names: []string{"--inotify"}, Values: []string{"N|none"},
			Text: "The most inotify instances. The default is half of what your user may have.",
		},
		{
			Names: []string{"--watches"}, Values: []string{"N|none"},
			Text: "The most inotify watches. The default is half of what your user may have.",
		},
	}
	for i := range all {
		all[i].Limit = true
	}
	return all
}
