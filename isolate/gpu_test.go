package isolate

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A fakeMachine has files, links (their text begins with "-> ") and devices, which are
// links to /dev/zero.
type fakeMachine map[string]string

func (m fakeMachine) make(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for path, text := range m {
		path = dir + path
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		if to, isLink := strings.CutPrefix(text, "-> "); isLink {
			err = os.Symlink(to, path)
		} else {
			err = os.WriteFile(path, []byte(text), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const aDevice = "-> /dev/zero"

// nvidiaMachine has two cards of NVIDIA's, of which the first is divided, and what
// NVIDIA's driver has for displays.
func nvidiaMachine() fakeMachine {
	return fakeMachine{
		"/dev/nvidiactl": aDevice, "/dev/nvidia-uvm": aDevice, "/dev/nvidia-uvm-tools": aDevice, "/dev/nvidia0": aDevice, "/dev/nvidia1": aDevice,
		"/dev/nvidia-modeset": aDevice, "/dev/dri/renderD128": aDevice,
		"/dev/nvidia-caps/nvidia-cap1": aDevice, "/dev/nvidia-caps/nvidia-cap12": aDevice, "/dev/nvidia-caps/nvidia-cap13": aDevice, "/dev/nvidia-caps/nvidia-cap22": aDevice,
		"/proc/driver/nvidia/version":                          "570",
		"/proc/driver/nvidia/gpus/0000:01:00.0/information":    "Model: \t\t A\nDevice Minor: \t 0\n",
		"/proc/driver/nvidia/gpus/0000:02:00.0/information":    "Model: \t\t B\nDevice Minor: \t 1\n",
		"/proc/driver/nvidia/capabilities/gpu0/mig/gi1/access": "DeviceFileMinor: 12\n",
		"/proc/driver/nvidia/capabilities/gpu1/mig/gi1/access": "DeviceFileMinor: 22\n",
		"/proc/driver/nvidia-caps/mig-minors":                  "config 1\nmonitor 2\ngpu0/gi1/access 12\ngpu0/gi1/ci0/access 13\ngpu1/gi1/access 22\n",
		"/proc/driver/nvidia-uvm/x":                            "",
		"/sys/module/nvidia/initstate":                         "live",
		"/sys/module/ahci/initstate":                           "live",
		"/sys/bus/pci/devices/0000:01:00.0":                    "-> ../../../devices/pci0000:00/0000:01:00.0",
		"/sys/bus/pci/devices/0000:02:00.0":                    "-> ../../../devices/pci0000:00/0000:02:00.0",
		"/sys/bus/pci/devices/0000:03:00.0":                    "-> ../../../devices/pci0000:00/0000:03:00.0",
		"/sys/devices/pci0000:00/0000:01:00.0/vendor":          "0x10de",
		"/sys/devices/pci0000:00/0000:02:00.0/vendor":          "0x10de",
		"/sys/devices/pci0000:00/0000:03:00.0/net/eth0":        "",
	}
}

func rocmMachine() fakeMachine {
	const nodes = "/sys/devices/virtual/kfd/kfd/topology/nodes/"
	return fakeMachine{
		"/dev/kfd": aDevice, "/dev/dri/renderD128": aDevice, "/dev/dri/renderD129": aDevice, "/dev/dri/card0": aDevice,
		nodes + "0/properties":                         "cpu_cores_count 8\ndrm_render_minor 0\n",
		nodes + "1/properties":                         "simd_count 80\ndrm_render_minor 128\n",
		nodes + "2/properties":                         "simd_count 80\ndrm_render_minor 129\n",
		"/sys/class/kfd/kfd":                           "-> ../../devices/virtual/kfd/kfd",
		"/sys/dev/char/226:129":                        "-> ../../devices/pci0000:00/0000:05:00.0/drm/renderD129",
		"/sys/bus/pci/devices/0000:05:00.0":            "-> ../../../devices/pci0000:00/0000:05:00.0",
		"/sys/devices/pci0000:00/0000:05:00.0/vendor":  "0x1002",
		"/sys/devices/pci0000:00/0000:05:00.0/drm/one": "",
	}
}

// The program gets what the cards that are named need, and nothing else.
func TestGPUsThatAreNamed(t *testing.T) {
	withDXG := fakeMachine{"/dev/dxg": aDevice}
	noUVM := nvidiaMachine()
	delete(noUVM, "/dev/nvidia-uvm")
	both := nvidiaMachine()
	for path, text := range rocmMachine() {
		both[path] = text
	}
	const ofNVIDIA = "/dev/nvidia-uvm /dev/nvidia-uvm-tools"
	for _, test := range []struct {
		name    string
		machine fakeMachine
		gpu     string
		devices string // below /dev, in the tree
		seen    string // of the machine, elsewhere
		kind    Kind
	}{
		{"nvidia", nvidiaMachine(), "all",
			"/dev/nvidia-caps/nvidia-cap12 /dev/nvidia-caps/nvidia-cap13 /dev/nvidia-caps/nvidia-cap22 " + ofNVIDIA + " /dev/nvidia0 /dev/nvidia1 /dev/nvidiactl",
			"/proc/driver /proc/driver/nvidia /proc/driver/nvidia-caps /proc/driver/nvidia-uvm /sys/bus/pci/devices/0000:01:00.0 /sys/bus/pci/devices/0000:02:00.0 " +
				"/sys/devices/pci0000:00/0000:01:00.0 /sys/devices/pci0000:00/0000:02:00.0 /sys/module/nvidia", ""},
		{"nvidia", nvidiaMachine(), "0",
			"/dev/nvidia-caps/nvidia-cap12 /dev/nvidia-caps/nvidia-cap13 " + ofNVIDIA + " /dev/nvidia0 /dev/nvidiactl",
			"/proc/driver /proc/driver/nvidia /proc/driver/nvidia-caps /proc/driver/nvidia-uvm /proc/driver/nvidia/capabilities/gpu1 /proc/driver/nvidia/gpus/0000:02:00.0 " +
				"/sys/bus/pci/devices/0000:01:00.0 /sys/devices/pci0000:00/0000:01:00.0 /sys/module/nvidia", ""},
		{"rocm", rocmMachine(), "1", "/dev/dri/renderD129 /dev/kfd",
			"/proc/driver /sys/bus/pci/devices/0000:05:00.0 /sys/class/kfd/kfd /sys/dev/char/226:129 /sys/devices/pci0000:00/0000:05:00.0 /sys/devices/virtual/kfd", ""},
		{"WSL", withDXG, "all", "/dev/dxg", "/proc/driver", ""},
		{"WSL", withDXG, "0", "", "", KindGPUNumber},
		{"no uvm", noUVM, "all", "", "", KindNoGPUNode},
		{"no such", nvidiaMachine(), "0,2", "", "", KindGPUNumber},
		{"two makers", both, "0", "", "", KindGPUNumber},
		{"nothing", fakeMachine{"/dev/dri/renderD128": aDevice}, "all", "", "", KindNoGPU},
	} {
		p := in(t.TempDir())
		p.GPU, p.machine = test.gpu, test.machine.make(t)
		all, err := p.Tree()
		if kindOf(err) != test.kind || (err != nil) != (test.kind != "") {
			t.Errorf("%s %s: %v of kind %q, want %q", test.name, test.gpu, err, kindOf(err), test.kind)
		}
		var devices, seen []string
		for _, e := range all {
			switch {
			case strings.HasPrefix(e.Path, "/dev/") && e.What == "a device" || strings.HasPrefix(e.What, "a device of"):
				if !isOwnDevice(e.Path) {
					devices = append(devices, e.Path)
				}
			case strings.HasPrefix(e.Path, "/proc/driver"), strings.HasPrefix(e.Path, "/sys/") && !strings.HasPrefix(e.Path, "/sys/devices/system/"):
				seen = append(seen, e.Path)
			}
		}
		slices.Sort(devices)
		if got := strings.Join(devices, " "); got != test.devices {
			t.Errorf("%s %s: devices %s\nwant %s", test.name, test.gpu, got, test.devices)
		}
		if got := strings.Join(seen, " "); got != test.seen {
			t.Errorf("%s %s: shown %s\nwant %s", test.name, test.gpu, got, test.seen)
		}
	}

	p := in(t.TempDir())
	p.GPU, p.ShareProc, p.machine = "all", true, nvidiaMachine().make(t)
	if _, err := p.Tree(); kindOf(err) != KindGPUSharedProc {
		t.Errorf("with ShareProc: %v", err)
	}
}

// A card that isn't named can't be opened or read about; one that is can. The requests
// of its driver pass, and others don't; without a GPU none do.
func TestGPU(t *testing.T) {
	machine := nvidiaMachine().make(t)
	const blockSize, getFlags = "2", "0xc020660b" // FIGETBSZ, a number of the kind that nvidia-uvm has, and FS_IOC_FIEMAP
	for _, test := range []struct{ gpu, opened, requests string }{
		{"0", "/dev/nvidia0 0000:01:00.0 written", "true false "},
		{"1", "/dev/nvidia1 0000:02:00.0 written", "true false "},
		{"all", "/dev/nvidia0 /dev/nvidia1 0000:01:00.0 0000:02:00.0 written", "true false "},
		{"", "written", "false false "},
	} {
		p := in(t.TempDir())
		p.GPU, p.machine = test.gpu, machine
		out, err := sh(t, p, `for n in /dev/nvidia[0-9]* /dev/nvidia-modeset /dev/dri/*; do (exec 3<>$n) 2>&- && printf '%s ' $n; done
for a in 0000:01:00.0 0000:02:00.0 0000:03:00.0; do
	test -s /proc/driver/nvidia/gpus/$a/information -a -s /sys/bus/pci/devices/$a/vendor && printf '%s ' $a
done
ls /sys/bus/pci/devices/0000:03:00.0/ /sys/module/ahci /sys/class/net 2>&-
(echo x >/proc/driver/nvidia/version) 2>&- && echo changed
echo x >/proc/self/comm && printf written`)
		if err != nil || out != test.opened {
			t.Errorf("GPU %q: %q, %v; want %q", test.gpu, out, err, test.opened)
		}

		p = selfIn(t.TempDir(), "asker")
		p.GPU, p.machine = test.gpu, machine
		if got := asked(t, &p, ".", blockSize, ".", getFlags); got != test.requests {
			t.Errorf("GPU %q: requests pass: %s, want %s", test.gpu, got, test.requests)
		}
	}
	if got := asked(t, nil, ".", blockSize, ".", getFlags); got != "true true " && got != "true false " {
		t.Errorf("outside: %s", got)
	}
}

func TestParseGPU(t *testing.T) {
	for text, want := range map[string]bool{"all": true, "0": true, "0,1": true, "10": true,
		"": false, ",": false, "0,": false, "-1": false, "+1": false, "01": false, "0 1": false, "a": false, "256": false, "ALL": false} {
		if _, err := ParseGPU(text); (err == nil) != want {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// The variables that CUDA and its like look for pass with a GPU, by their whole names.
func TestGPUVariables(t *testing.T) {
	for name, want := range map[string]bool{"CUDA_LAUNCH_BLOCKING": true, "NCCL_DEBUG": true, "HSA_OVERRIDE_GFX_VERSION": true,
		"CUDA_CACHE_PATH": false, "NVIDIA_API_KEY": false, "NCCL_SECRET": false} {
		t.Setenv(name, "x")
		for _, gpu := range []string{"", "all"} {
			p, err := Policy{GPU: gpu}.complete()
			if err != nil {
				t.Fatal(err)
			}
			if _, got := getenv(p.Env, name); got != (want && gpu != "") {
				t.Errorf("GPU %q: %s passes: %v", gpu, name, got)
			}
		}
	}
}
