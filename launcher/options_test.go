package launcher

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"isolate-namespace/internal/version"
	"isolate-namespace/isolate"
)

func TestParseOptions(t *testing.T) {
	tests := []struct {
		name string
		args []string
		want options
		err  string
	}{
		{name: "the least", args: []string{"--", "k"}, want: options{kernel: []string{"k"}}},
		{
			name: "all",
			args: []string{"--network", "host", "--env", "A", "--env=B=c d", "-m", "ro:/x /y", "--mount=/z", "--", "k", "--", "-m", "--env"},
			want: options{
				network: isolate.NetworkHost, env: []string{"A", "B=c d"}, mounts: []string{"ro:/x /y", "/z"},
				kernel: []string{"k", "--", "-m", "--env"},
			},
		},
		{
			name: "services",
			args: []string{"--connect", "localhost:5432", "--allow-host=*.Example.org", "--allow-host", "pypi.org:8443", "--", "k"},
			want: options{kernel: []string{"k"}, services: []isolate.Service{
				{Host: "localhost", Port: 5432}, {Host: "*.example.org", Port: 443, Public: true}, {Host: "*.example.org", Port: 80, Public: true},
				{Host: "pypi.org", Port: 8443, Public: true},
			}},
		},
		{name: "a service without a port", args: []string{"--connect", "db", "--", "k"}, err: `--connect "db": it is HOST:PORT`},
		{name: "an address as a public host", args: []string{"--allow-host", "10.0.0.1", "--", "k"}, err: `--allow-host "10.0.0.1": it isn't a public name; --connect 10.0.0.1:443 leads to a service of this machine or its network`},
		{name: "some services, and all", args: []string{"--network", "host", "--connect", "db:1", "--", "k"}, err: "--network host shares every service, --connect and --allow-host only some: name one kind"},
		{name: "the last network counts", args: []string{"--network=host", "--network=none", "--", "k"}, want: options{kernel: []string{"k"}}},
		{
			name: "limits",
			args: []string{"--memory", "1G", "--pids=99", "--time", "1h", "--tmp-size", "64M", "--", "k"},
			want: options{kernel: []string{"k"}, limits: isolate.Limits{Memory: 1 << 30, Pids: 99, Time: time.Hour, TmpSize: 64 << 20}},
		},
		{
			name: "no limits",
			args: []string{"--log-size=none", "--memory", "none", "--pids=none", "--tmp-size", "none", "--", "k"},
			want: options{kernel: []string{"k"}, logSize: isolate.Unlimited, limits: isolate.Limits{Memory: isolate.Unlimited, Pids: isolate.Unlimited, TmpSize: isolate.Unlimited}},
		},
		{name: "a log's size", args: []string{"--log-size", "1M", "--", "k"}, want: options{kernel: []string{"k"}, logSize: 1 << 20}},
		{name: "a log's size that is none", args: []string{"--log-size", "0", "--", "k"}, err: `--log-size "0": not a size such as 64M`},
		{name: "a limit that is none", args: []string{"--memory=much", "--", "k"}, err: `--memory "much": not a size such as 64M`},
		{name: "what the kernel leaves", args: []string{"--allow-symlinks", "--writable-notebooks", "--", "k"}, want: options{allowSymlinks: true, writableNotebooks: true, kernel: []string{"k"}}},
		{name: "for one run", args: []string{"--missed", "--report", "r.json", "--", "k"}, want: options{missed: true, report: "r.json", kernel: []string{"k"}}},
		{name: "help", args: []string{"--help", "x"}, want: options{show: usage()}},
		{name: "version", args: []string{"--version"}, want: options{show: version.Line("isolate-kernel") + "\n"}},
		{name: "nothing", err: "no kernel's command: it follows --"},
		{name: "no command", args: []string{"--"}, err: "no kernel's command after --"},
		{name: "taken for Python, a program", args: []string{"-c", "import sys"}, err: `"-c" is no option`},
		{name: "taken for Python, a module", args: []string{"-m", "pip", "list"}, err: `"list" is no option`},
		{name: "taken for Python, a file", args: []string{"/usr/lib/get_info.py"}, err: `"/usr/lib/get_info.py" is no option`},
		{name: "no value", args: []string{"--network"}, err: "--network needs a value"},
		{name: "a value that is none", args: []string{"--network", "--", "k"}, err: `--network "--": it is none or host`},
		{name: "a variable without a name", args: []string{"--env", "=x", "--", "k"}, err: `--env "=x": it begins with a variable's name`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			o, err := parseOptions(test.args)
			if test.err != "" {
				if err == nil || err.Error() != "read the options: "+test.err {
					t.Errorf("error %v, want %s", err, test.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, *o, cmp.AllowUnexported(options{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}
