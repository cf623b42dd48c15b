package options

import "slices"

// Kernel returns the options of isolate-kernel, which are those of a twin too.
func Kernel() []Option {
	memory := "The default is nine tenths of the memory where a control group can be made without asking systemd for one."
	return slices.Concat([]Option{
		{
			Names: []string{"--network"}, Values: []string{"MODE"},
			Text: "Network: `none` (default), or `host` with its services. " +
				"With `none` the kernel reaches nothing. On this machine, only programs of the user who runs the kernel, of root, and of the users whose processes started it, such as a gateway's, can connect to its ports. Clients on other machines can connect where Jupyter's `ip` setting names an address that they reach. " +
				"`host` shows the kernel every service on this machine's loopback interface, the Jupyter server and other kernels' output among them. It then listens on its ports itself, and every local user can connect to them.",
		},
		{
			Names: []string{"--env"}, Values: []string{"NAME[=VALUE]"}, Many: true,
			Text: "Let a variable in, or set one. `isolate`(1), ENVIRONMENT, names those that are let in by themselves. The variables that `kernel.json` sets in its `env` are named this way.",
		},
		{
			Names: []string{"-m", "--mount"}, Values: []string{"ENTRIES"}, Many: true,
			Text: "What the kernel sees as well as its directory. ENTRIES are as for `isolate`(1).",
		},
	}, limits("kernel", memory, "2G"), []Option{
		{
			Names: []string{"--log-size"}, Values: []string{"SIZE|none"}, Limit: true,
			Text: "The most output in the server's log, by default 16M. It counts what the kernel writes to standard output and errors together. Then one line says so, and the rest is thrown away. What cells print isn't counted.",
		},
		{
			Names: []string{"--writable-notebooks"},
			Text:  "Let the kernel replace the notebooks beside it. It can change the *.ipynb files in its working directory, too.",
		},
		allowSymlinks("kernel"),
	})
}

// Help returns the option of every command.
func Help() []Option {
	return []Option{{Names: []string{"-h", "--help"}, Text: "A summary of the options."}}
}

func allowSymlinks(who string) Option {
	return Option{
		Names: []string{"--allow-symlinks"},
		Text:  "Allow links, sockets, fifos in shared directories. The " + who + " can make them where it shares a directory with the host. Whoever follows such a link outside follows it there.",
	}
}

// limits returns what both commands bound. What they are set to is isolate.Limits'.
func limits(who, memory, size string) []Option {
	all := []Option{
		{
			Names: []string{"--memory"}, Values: []string{"SIZE|none"},
			Text: "The most memory of all its processes, such as " + size + ". More ends the " + who + ". " + memory + " \"The memory\" is the least of the machine's and of what the control groups above may use.",
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
			Text: "The most time, such as 90, 90s or 1h30m. It is from start to end.",
		},
		{
			Names: []string{"--cpu-time"}, Values: []string{"T"},
			Text: "The most time of computing, of all its processes.",
		},
		{
			Names: []string{"--file-size"}, Values: []string{"SIZE"},
			Text: "The size that one file can grow to.",
		},
		{
			Names: []string{"--tmp-size"}, Values: []string{"SIZE|none"},
			Text: "The most in HOME, /tmp and other private places. It is for these, /var/tmp, /dev/shm and the changes in `cow:` mounts together. The default is a quarter of the memory, and no more than `--memory`. What is full is full: the program gets the error.",
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
