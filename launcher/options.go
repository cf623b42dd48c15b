package launcher

import (
	"errors"
	"fmt"
	"slices"

	option "isolate-namespace/internal/options"
	"isolate-namespace/internal/remedy"
	"isolate-namespace/internal/version"
	"isolate-namespace/isolate"
)

// usage returns what --help says.
func usage() string {
	return `Usage: isolate-kernel [OPTIONS] -- COMMAND [ARG...]

Run a Jupyter kernel's command in a sandbox. Jupyter starts this from a
kernel.json that isolate-kernelspec wrote; COMMAND names the connection file
by its absolute path.

` + option.Lines(table()) + `
Of this machine's users, only you, root and those who started a kernel reach its
ports. With --network host every local user does, and the kernel reaches the
Jupyter server and other kernels' output. ENTRIES are [ro:|try:|cow:]PATH,
TARGET=SOURCE or PATH=none, separated by spaces. The value none lifts a limit.

$MNTDIRS         what the kernel works on, as ENTRIES; default "."
$MNTDIRS_KERNEL  the directories that the kernel's own program needs
$MNTDIRS_BASE    replaces the base system (/usr, parts of /etc)

Exit status: the kernel's own, or the signal that ended it; 125 if there is no
sandbox, 126 if COMMAND can't be executed, 127 if it isn't there.
`
}

// options are what the command line says.
type options struct {
	show     string // print this, and run no kernel
	network  isolate.Network
	services []isolate.Service
	devices  []string
	gpu      string
	env      []string // NAME or NAME=VALUE
	mounts   []string
	limits   isolate.Limits
	logSize  int64    // 0 is the default
	kernel   []string // the real kernel's command

	writableNotebooks bool
	allowSymlinks     bool
	shareProc         bool
	missed            bool
	report            string
}

func table() []option.Option { return slices.Concat(option.Launcher(), option.Common()) }

// errShow ends the options where the command is to say something of itself.
var errShow = errors.New("show")

// parseOptions reads the command line. It is strict, and quick to refuse: a
// front end may take this command for a Python and start it with anything.
func parseOptions(args []string) (*options, error) {
	o := &options{}
	kernel, ended, err := option.Parse(table(), args, o.set)
	switch {
	case errors.Is(err, errShow):
		return o, nil
	case err != nil:
		return nil, misuse(err)
	case !ended && len(kernel) > 0:
		return nil, misuse(fmt.Errorf("%.40q is no option", kernel[0]))
	case !ended:
		return nil, misuse(errors.New("no kernel's command: it follows --"))
	case len(kernel) == 0:
		return nil, misuse(errors.New("no kernel's command after --"))
	case o.network == isolate.NetworkHost && o.services != nil:
		return nil, misuse(errors.New("--network host shares every service, --connect and --allow-host only some: name one kind"))
	}
	o.kernel = kernel
	return o, nil
}

// set gives an option its effect.
func (o *options) set(name string, values []string) (err error) {
	switch name {
	case "--help":
		o.show = usage()
		return errShow
	case "--version":
		o.show = version.Line("isolate-kernel") + "\n"
		return errShow
	case "--network":
		o.network, err = isolate.ParseNetwork(values[0])
	case "--connect":
		service, err := isolate.ParseConnect(values[0])
		o.services = append(o.services, service)
		return err
	case "--allow-host":
		services, err := isolate.ParseAllowHost(values[0])
		o.services = append(o.services, services...)
		return err
	case "--device":
		o.devices = append(o.devices, values[0])
	case "--gpu":
		o.gpu, err = isolate.ParseGPU(values[0])
	case "--env":
		if values[0] == "" || values[0][0] == '=' {
			return errors.New("it begins with a variable's name")
		}
		o.env = append(o.env, values[0])
	case "--mount":
		o.mounts = append(o.mounts, values[0])
	case "--log-size":
		if values[0] == "none" {
			o.logSize = isolate.Unlimited
			return nil
		}
		o.logSize, err = isolate.ParseSize(values[0])
	case "--writable-notebooks":
		o.writableNotebooks = true
	case "--allow-symlinks":
		o.allowSymlinks = true
	case "--share-proc":
		o.shareProc = true
	case "--missed":
		o.missed = true
	case "--report":
		o.report = values[0]
	default:
		if !slices.Contains(isolate.LimitNames(), name[2:]) {
			return option.ErrNoEffect
		}
		err = o.limits.Set(name[2:], values[0])
	}
	return err
}

func misuse(err error) error {
	return &isolate.SetupError{Doing: "read the options", Err: err, Kind: remedy.KindOptions}
}
