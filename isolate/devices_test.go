package isolate

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"isolate-namespace/isolate/internal/seccomp"
)

// fakeProc returns a process file system that names drivers.
func fakeProc(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"devices": "Character devices:\n  1 mem\n 10 misc\n 21 sg\n195 nvidia\n195 nvidiactl\n202 cpu/msr\n226 drm\n237 kfd\n238 nvidia-uvm\n" +
			"\nBlock devices:\n  8 sd\n237 virtblk\n",
		"misc":        "229 fuse\n200 tun\n223 uinput\n237 loop-control\n 44 dxg\n",
		"tty/drivers": "usbserial            /dev/ttyUSB    188 0-511 serial\nserial  /dev/ttyS  4 64-95 serial\nhvc /dev/hvc 229 0 system\n",
	} {
		path := filepath.Join(dir, name)
		os.Mkdir(filepath.Dir(path), 0o755)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// What nobody is given, by its number or its driver's name.
func TestForbiddenDevices(t *testing.T) {
	known := readDrivers(fakeProc(t))
	unknown := readDrivers(t.TempDir())
	for _, test := range []struct {
		major, minor uint32
		why          string
		always       bool // also where drivers have no names
	}{
		{1, 1, "memory", true}, {1, 2, "memory", true}, {1, 4, "memory", true}, {1, 12, "memory", true}, {1, 11, "log", true},
		{1, 5, "", true}, {1, 8, "", true},
		{4, 1, "terminal", true}, {4, 64, "terminal", true}, {5, 0, "terminal", true}, {5, 2, "terminal", true},
		{7, 1, "terminal", true}, {136, 3, "terminal", true}, {143, 3, "terminal", true}, {3, 0, "terminal", true},
		{188, 0, "terminal", false}, {229, 0, "terminal", false}, {229, 1, "", true},
		{202, 0, "memory", false}, {21, 0, "disks", false},
		{10, 223, "keyboards", false}, {10, 237, "disks", false},
		{10, 229, "", true}, {10, 200, "", true}, {195, 0, "", true}, {226, 128, "", true}, {237, 0, "", true},
	} {
		rdev := unix.Mkdev(test.major, test.minor)
		for _, d := range []struct {
			drivers
			names bool
		}{{known, true}, {unknown, false}} {
			why := d.forbidden(rdev, d.of(rdev))
			if want := test.why != "" && (d.names || test.always); !strings.Contains(why, test.why) && want || want != (why != "") {
				t.Errorf("%d:%d, names known %v: %q, want %q", test.major, test.minor, d.names, why, test.why)
			}
		}
	}
}

func TestRequestsOfDrivers(t *testing.T) {
	d := readDrivers(fakeProc(t))
	for number, want := range map[[2]uint32][]seccomp.Requests{
		{195, 0}: {seccomp.OfType('F')}, {195, 255}: {seccomp.OfType('F')}, {238, 0}: {{Mask: 0xcfffff00}},
		{226, 128}: {seccomp.OfType('d')}, {237, 0}: seccomp.WithData('K'), {10, 44}: {seccomp.OfType('G')},
		{10, 229}: {seccomp.OfType(0xe5)}, {10, 1}: nil, {1, 5}: nil, {99, 0}: nil,
	} {
		got := requestsTo([]device{{requests: requestsOf(d.of(unix.Mkdev(number[0], number[1])))}})
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%v: %v, want %v", number, got, want)
		}
	}

	// No driver's requests are those that nobody may make of a terminal, a console or
	// a file.
	for _, driver := range []string{"fuse", "tun", "kvm", "vhost-net", "drm", "kfd", "dxg", "nvidia", "nvidia-uvm", "video4linux", "media", "alsa",
		"input", "hidraw", "usb_device", "i2c", "spi", "gpiochip", "rtc", "infiniband_verbs"} {
		all := requestsOf([]string{driver})
		if all == nil {
			t.Errorf("%s isn't known", driver)
		}
		for _, request := range []uint32{unix.TIOCSTI, unix.TIOCLINUX, unix.TIOCSETD, unix.TIOCCONS, 0x4b49, 0x4b4d, 0x5606, 0x560a, // KDSKBSENT, KDFONTOP, VT_ACTIVATE, VT_RESIZEX
			unix.SIOCSIFFLAGS, 0xc020660b, 0x40086602, 0x5000940e, unix.FS_IOC_ENABLE_VERITY, 0xc0045877, 0x1272} { // FIFREEZE, BLKGETSIZE64
			for _, r := range all {
				if request&r.Mask == r.Value {
					t.Errorf("%s has %#x", driver, request)
				}
			}
		}
	}
}

// What isn't a device that can be given is refused, with the reason.
func TestDevicesThatAreRefused(t *testing.T) {
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink("/dev/zero", link); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]Kind{
		"/dev/none-such": KindNoDevice, "/dev/null/x": KindNoDevice, "/etc/passwd": KindNotDevice, link: KindNotDevice, "dev/null": KindNotDevice,
		"/dev/../etc/passwd": KindNotDevice, "/dev": KindNotDevice, "/dev/shm": KindNotDevice, "/dev/stdin": KindNotDevice, "/dev/fd/0": KindNotDevice,
		"/dev/ptmx": KindForbiddenDevice, "/dev/tty0": KindForbiddenDevice, "/dev/kmsg": KindForbiddenDevice,
		"/dev/null": "", "/dev/tty": "",
	} {
		if _, err := os.Stat(path); err != nil && want == KindForbiddenDevice {
			continue // a container has few
		}
		p := in(t.TempDir())
		p.Devices = []string{path}
		if _, err := p.Tree(); kindOf(err) != want || (err != nil) != (want != "") {
			t.Errorf("%s: %v of kind %q, want %q", path, err, kindOf(err), want)
		}
	}
}

// A mount shows no device, which it says instead.
func TestMountsOfDevices(t *testing.T) {
	for entry, want := range map[string]Kind{"/dev/ptmx": KindDevice, "ro:/dev/ptmx": KindDevice, "try:/dev/ptmx": KindDevice,
		"/work=/dev/zero": KindOwnDevice, "/dev/zero": "", "try:/dev/none-such": "", "/dev/zero=none": ""} {
		mounts, err := ParseMounts(entry, "/", "/home/student")
		if err != nil {
			t.Fatal(err)
		}
		p := in(t.TempDir())
		p.Mounts = append(p.Mounts, mounts...)
		if _, err := p.Tree(); kindOf(err) != want {
			t.Errorf("%s: %v of kind %q, want %q", entry, err, kindOf(err), want)
		}
	}
}

// askerRole says for each path and request of ioctl(2) whether the file knows it.
func askerRole(args []string) int {
	for len(args) > 1 {
		var answer [256]byte
		fd, err := unix.Open(args[0], unix.O_RDWR|unix.O_CLOEXEC, 0)
		if err == unix.EISDIR {
			fd, err = unix.Open(args[0], unix.O_RDONLY|unix.O_CLOEXEC, 0)
		}
		request, _ := strconv.ParseUint(args[1], 0, 32)
		if err == nil {
			_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), uintptr(request), uintptr(unsafe.Pointer(&answer)))
			if errno != 0 {
				err = errno
			}
			unix.Close(fd)
		}
		fmt.Println(err == nil)
		args = args[2:]
	}
	return 0
}

// asked runs the asker under a policy, or outside if that is nil.
func asked(t *testing.T, p *Policy, args ...string) string {
	t.Helper()
	if p == nil {
		control := self(t).Command(args...)
		control.Env = []string{roleVariable + "=asker"}
		out, err := control.CombinedOutput()
		if err != nil {
			t.Fatal(err)
		}
		return strings.ReplaceAll(string(out), "\n", " ")
	}
	cmd := Command(*p, os.Args[0], args...)
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %s", err, &out)
	}
	return strings.ReplaceAll(out.String(), "\n", " ")
}

// A device is there where it is given, and its requests pass; others don't. Outside all
// of them do.
func TestGivenDevice(t *testing.T) {
	const tun = "/dev/net/tun"
	if unix.Access(tun, unix.R_OK|unix.W_OK) != nil {
		t.Logf("%s is for others here: TestRequests tries the filter, TestGPU the nodes", tun)
		return
	}
	const tunGetFeatures, blockSize = "0x800454cf", "2" // FIGETBSZ, which every file knows
	requests := []string{tun, tunGetFeatures, ".", blockSize}
	if got := asked(t, nil, requests...); got != "true true " {
		t.Errorf("outside: %s", got)
	}
	p := selfIn(t.TempDir(), "asker")
	if got := asked(t, &p, requests...); got != "false false " {
		t.Errorf("not given: %s", got)
	}
	p.Devices = []string{tun}
	if got := asked(t, &p, requests...); got != "true false " {
		t.Errorf("given: %s", got)
	}

	p = in(t.TempDir())
	p.Devices = []string{tun}
	out, err := sh(t, p, "exec 3<>"+tun+" && echo open; chmod 666 "+tun+" 2>&1; rm "+tun+" 2>&1; true")
	if err != nil || !strings.Contains(out, "open") || strings.Count(out, "Read-only file system") != 2 {
		t.Errorf("given: %s, %v", out, err)
	}
}
