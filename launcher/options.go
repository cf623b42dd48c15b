package launcher

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"isolate-namespace/internal/remedy"
	"isolate-namespace/isolate"
)

const usage = `Usage: isolate-kernel [OPTIONS] -- COMMAND [ARG...]

Run a Jupyter kernel's command in a sandbox. Jupyter starts this, from a
kernel.json that isolate-kernelspec wrote; COMMAND names the connection file
by its absolute path.

      --network MODE    none (default): the kernel reaches nothing, and of this
                        machine's users only you, root and those who started it
                        reach it; or host, which shows it every service on this
                        machine's loopback interface, the Jupyter server and
                        other kernels' output among them, and lets every local
                        user connect to its ports
      --env NAME[=VALUE]  let a variable in, or set it
  -m, --mount ENTRIES   what the kernel sees besides $MNTDIRS:
                        [ro:|try:|cow:]PATH, TARGET=SOURCE, PATH=none
      --memory SIZE, --pids N, --cpus N, --time T, --cpu-time T,
      --file-size SIZE, --tmp-size SIZE, --inotify N, --watches N
                        limits: 1G; 90, 90s or 1h30m; none. By default --pids is
                        4096, --tmp-size a quarter of the memory, --memory nine
                        tenths where a control group can be made, and inotify
                        instances and watches are half of the user's
      --log-size SIZE   what it may write to the server's log, by default 16M;
                        none lifts it
      --writable-notebooks  let the kernel change and replace *.ipynb files in
                        its working directory
      --allow-symlinks  let it make symbolic links, sockets and fifos in
                        directories that it shares with the host
  -h, --help            this text

$MNTDIRS         what the kernel works on, in the syntax of --mount; default "."
$MNTDIRS_KERNEL  the directories that the kernel's own program needs
$MNTDIRS_BASE    replaces the base system (/usr, parts of /etc)

Exit status: the kernel's own, and its own signal when one ended it; 125 when
there is no sandbox, 126 and 127 when COMMAND can't be executed or isn't there.
`

// options are what the command line says.
type options struct {
	help    bool
	network isolate.Network
	env     []string // NAME or NAME=VALUE
	mounts  []string
	limits  isolate.Limits
	logSize int64    // 0 is the default
	kernel  []string // the real kernel's command

	writableNotebooks bool
	allowSymlinks     bool
}

// parseOptions reads the command line. It is strict, and quick to refuse: a
// front end may take this command for a Python and start it with anything.
func parseOptions(args []string) (*options, error) {
	o := &options{}
	for len(args) > 0 {
		name := args[0]
		args = args[1:]
		switch name {
		case "--":
			if o.kernel = args; len(args) == 0 {
				return nil, misuse(errors.New("no kernel's command after --"))
			}
			return o, nil
		case "-h", "--help":
			o.help = true
			return o, nil
		case "--writable-notebooks":
			o.writableNotebooks = true
			continue
		case "--allow-symlinks":
			o.allowSymlinks = true
			continue
		}
		name, value, given := strings.Cut(name, "=")
		if !takesValue(name) {
			return nil, misuse(fmt.Errorf("%.40q is no option", name))
		}
		if !given {
			if len(args) == 0 {
				return nil, misuse(fmt.Errorf("%s needs a value", name))
			}
			value, args = args[0], args[1:]
		}
		if err := o.set(name, value); err != nil {
			return nil, misuse(err)
		}
	}
	return nil, misuse(errors.New("no kernel's command: it follows --"))
}

func takesValue(name string) bool {
	switch name {
	case "--network", "--env", "-m", "--mount", "--log-size":
		return true
	}
	return isLimit(name)
}

func isLimit(name string) bool {
	limit, dashed := strings.CutPrefix(name, "--")
	return dashed && slices.Contains(isolate.LimitNames(), limit)
}

func (o *options) set(name, value string) error {
	if isLimit(name) {
		if err := o.limits.Set(name[2:], value); err != nil {
			return fmt.Errorf("%s %.40q: %w", name, value, err)
		}
		return nil
	}
	switch name {
	case "--log-size":
		if value == "none" {
			o.logSize = isolate.Unlimited
			return nil
		}
		var err error
		if o.logSize, err = isolate.ParseSize(value); err != nil {
			return fmt.Errorf("%s %.40q: %w", name, value, err)
		}
	case "--env":
		if value == "" || value[0] == '=' {
			return errors.New("--env needs a variable's name")
		}
		o.env = append(o.env, value)
	case "--network":
		switch value {
		case "none":
			o.network = isolate.NetworkNone
		case "host":
			o.network = isolate.NetworkHost
		default:
			return fmt.Errorf("--network is none or host, not %.40q", value)
		}
	default:
		o.mounts = append(o.mounts, value)
	}
	return nil
}

func misuse(err error) error {
	return &isolate.SetupError{Doing: "read the options", Err: err, Kind: remedy.KindOptions}
}
