package isolate

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"isolate-namespace/isolate/internal/seccomp"
)

// A device is a character device of the host that a program gets.
type device struct {
	target   string // inside
	source   string // outside, without links
	requests []seccomp.Requests
}

// devices looks at the policy's devices.
func (p *Policy) devices() (all []device, err error) {
	if len(p.Devices) == 0 {
		return nil, nil
	}
	drivers := readDrivers("/proc")
	for _, path := range p.Devices {
		path = filepath.Clean(path)
		d, err := drivers.find(path, path)
		if err != nil {
			return nil, err
		}
		all = append(all, d)
	}
	return all, nil
}

// addDevices adds the policy's devices.
func (t *tree) addDevices(p *Policy) error {
	all, err := p.devices()
	t.giveDevices(all)
	return err
}

func (t *tree) giveDevices(all []device) {
	t.devices = append(t.devices, all...)
	for _, d := range all {
		if !isOwnDevice(d.target) {
			t.add(&node{kind: deviceNode, target: d.target, source: d.source})
		}
	}
}

// requestsTo returns the requests of ioctl(2) that the devices' drivers know.
func requestsTo(devices []device) (all []seccomp.Requests) {
	for _, d := range devices {
		for _, r := range d.requests {
			if !slices.Contains(all, r) {
				all = append(all, r)
			}
		}
	}
	return all
}

// deviceWords says what can be opened.
func deviceWords(all []device) string {
	var words []string
	for _, d := range all {
		word := d.target
		if d.requests == nil {
			word += " (without ioctl requests of its own: its driver isn't known)"
		}
		words = append(words, word)
	}
	return strings.Join(words, ", ")
}

// isOwnDevice reports whether every sandbox has this device itself.
func isOwnDevice(path string) bool {
	name, inDev := strings.CutPrefix(path, "/dev/")
	return inDev && slices.Contains(devices, name)
}

// find looks at the device source, for the path inside, and says why it can't be given.
func (d drivers) find(path, source string) (device, error) {
	fault := func(kind Kind, about, why string) (device, error) {
		return device{}, &SetupError{Doing: "give device", Path: path, Kind: kind, About: about, Err: errors.New(why)}
	}
	switch inDev, ok := strings.CutPrefix(path, "/dev/"); {
	case !ok:
		return fault(KindNotDevice, "", "it isn't a path below /dev")
	case slices.Contains([]string{"fd", "pts", "shm", "stdin", "stdout", "stderr"}, strings.Split(inDev, "/")[0]):
		return fault(KindNotDevice, "", "every sandbox has its own there")
	}

	f, err := look(source)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) {
		return device{}, &SetupError{Doing: "give device", Path: path, Err: unix.ENOENT, Kind: KindNoDevice}
	}
	var st unix.Stat_t
	if err == nil {
		err = unix.Stat(f.path, &st)
	}
	if err != nil {
		return device{}, unreadable("give device", path, err)
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFCHR:
	case unix.S_IFBLK:
		return fault(KindNotDevice, "", "it is a block device, with a whole file system on it")
	default:
		return fault(KindNotDevice, "", "it is no character device")
	}

	names := d.of(uint64(st.Rdev))
	if why := d.forbidden(uint64(st.Rdev), names); why != "" && !isOwnDevice(f.path) {
		return fault(KindForbiddenDevice, "", why)
	}
	var files unix.Statfs_t
	if unix.Statfs(f.path, &files) == nil && files.Flags&unix.ST_NODEV != 0 {
		return fault(KindNotDevice, "", "it lies in a file system that is mounted nodev, where no device can be opened")
	}
	if unix.Access(f.path, unix.R_OK) != nil && unix.Access(f.path, unix.W_OK) != nil {
		kind, group := KindClosedDevice, groupName(int(st.Gid))
		if st.Gid == 0 || st.Mode&0o060 == 0 {
			kind = KindOthersDevice
		}
		return fault(kind, group, fmt.Sprintf("you may not open it: it is for user %d and group %s, with mode %04o", st.Uid, group, st.Mode&0o777))
	}

	return device{target: path, source: f.path, requests: requestsOf(names)}, nil
}

// groupName returns the name of a group, or its number.
func groupName(gid int) string {
	number := strconv.Itoa(gid)
	text, _ := os.ReadFile("/etc/group")
	for line := range strings.Lines(string(text)) {
		// group(5): the name, a password, the number, the members
		if fields := strings.Split(line, ":"); len(fields) == 4 && fields[2] == number {
			return fields[0]
		}
	}
	return number
}

// drivers are the names of what is behind character devices here.
type drivers struct {
	majors    map[uint32][]string
	misc      map[uint32]string // the minors of major 10
	terminals []numbers
}

// numbers are devices of one major number.
type numbers struct{ major, from, to uint32 }

const (
	memMajor  = 1  // Documentation/admin-guide/devices.txt
	miscMajor = 10 // the same
)

// readDrivers reads the names from a process file system (proc_devices(5),
// proc_misc(5), proc_tty(5)). What can't be read has no name, and none of its requests
// pass.
func readDrivers(proc string) drivers {
	d := drivers{majors: map[uint32][]string{}, misc: map[uint32]string{}}
	text, _ := os.ReadFile(proc + "/devices")
	characters, _, _ := bytes.Cut(text, []byte("Block devices:"))
	for line := range strings.Lines(string(characters)) {
		if number, name, ok := numbered(line); ok {
			d.majors[number] = append(d.majors[number], name)
		}
	}

	text, _ = os.ReadFile(proc + "/misc")
	for line := range strings.Lines(string(text)) {
		if number, name, ok := numbered(line); ok {
			d.misc[number] = name
		}
	}

	text, _ = os.ReadFile(proc + "/tty/drivers")
	for line := range strings.Lines(string(text)) {
		// Such as "serial  /dev/ttyS  4 64-95 serial".
		if fields := strings.Fields(line); len(fields) >= 4 {
			from, to, isRange := strings.Cut(fields[3], "-")
			if !isRange {
				to = from
			}
			d.terminals = append(d.terminals, numbers{deviceNumber(fields[2]), deviceNumber(from), deviceNumber(to)})
		}
	}
	return d
}

// numbered reads a line of a number and a name.
func numbered(line string) (n uint32, name string, ok bool) {
	fields := strings.Fields(line)
	if len(fields) != 2 {
		return 0, "", false
	}
	n64, err := strconv.ParseUint(fields[0], 10, 32)
	return uint32(n64), fields[1], err == nil
}

func deviceNumber(s string) uint32 {
	n, _ := strconv.ParseUint(s, 10, 32)
	return uint32(n)
}

// of returns the names of the drivers that may be behind a device.
func (d drivers) of(rdev uint64) []string {
	major, minor := unix.Major(rdev), unix.Minor(rdev)
	if name := d.misc[minor]; major == miscMajor && name != "" {
		return []string{name}
	}
	return d.majors[major]
}

// forbidden says why nobody gets a device, or "".
func (d drivers) forbidden(rdev uint64, names []string) string {
	const (
		memory   = "it leads to the memory or the ports of the whole machine"
		log      = "it is the log of the whole machine's kernel"
		terminal = "it is a terminal, into which a program can type commands"
		typist   = "it makes keyboards, which type commands"
		disk     = "it leads to whole disks"
	)
	major, minor := unix.Major(rdev), unix.Minor(rdev)
	if major == memMajor {
		switch minor {
		case 1, 2, 4, 6, 12: // mem, kmem, port, core, oldmem
			return memory
		case 11: // kmsg
			return log
		}
		return ""
	}

	switch {
	case slices.ContainsFunc(d.terminals, func(n numbers) bool { return n.major == major && n.from <= minor && minor <= n.to }):
		return terminal
	// The numbers that terminals always have: pseudo-terminals, consoles and what is
	// on their screens.
	case 2 <= major && major <= 5, major == 7, 128 <= major && major <= 143:
		return terminal
	}
	for _, name := range names {
		switch name {
		case "cpu/msr", "nvram", "mcelog", "vfio", "iommu":
			return memory
		case "uinput", "uhid", "vhci":
			return typist
		case "sg", "bsg", "raw", "nvme", "nvme-generic", "mtd", "device-mapper", "loop-control", "btrfs-control", "st", "nst", "ch", "megaraid_sas_ioctl":
			return disk
		}
	}
	return ""
}

// requestsOf returns the ioctl requests of drivers, by the type in them
// (Documentation/userspace-api/ioctl/ioctl-number.rst). The requests of a driver that
// isn't here don't pass: reading, writing and mapping do.
func requestsOf(names []string) (all []seccomp.Requests) {
	for _, name := range names {
		switch name {
		case "fuse":
			all = append(all, seccomp.OfType(0xe5))
		case "tun":
			// Terminals have the same type and lower numbers.
			const number = 0xc0
			all = append(all, seccomp.Requests{Mask: 0xff00 | number, Value: 'T'<<8 | number})
		case "kvm":
			all = append(all, seccomp.OfType(0xae))
		case "vhost-net", "vhost-vsock":
			all = append(all, seccomp.OfType(0xaf))
		case "drm":
			all = append(all, seccomp.OfType('d'))
		case "kfd":
			all = append(all, seccomp.WithData('K')...) // without, consoles have it
		case "dxg":
			all = append(all, seccomp.OfType('G'))
		case "nvidia", "nvidiactl", "nvidia-frontend":
			all = append(all, seccomp.OfType('F'))
		case "nvidia-uvm":
			// Plain small numbers, and two that begin with 3 (uvm_ioctl.h, uvm_linux_ioctl.h).
			all = append(all, seccomp.Requests{Mask: 0xcfffff00, Value: 0})
		case "video4linux":
			all = append(all, seccomp.WithData('V')...) // without, consoles have it
		case "media":
			all = append(all, seccomp.OfType('|'))
		case "alsa":
			all = append(all, seccomp.OfType('A'), seccomp.OfType('U'), seccomp.OfType('W'))
		case "input":
			all = append(all, seccomp.OfType('E'), seccomp.OfType('j'))
		case "hidraw":
			all = append(all, seccomp.OfType('H'))
		case "usb_device":
			all = append(all, seccomp.OfType('U'))
		case "i2c":
			all = append(all, seccomp.OfType(0x07))
		case "spi":
			all = append(all, seccomp.OfType('k'))
		case "gpiochip":
			all = append(all, seccomp.OfType(0xb4))
		case "rtc":
			all = append(all, seccomp.OfType('p'))
		case "infiniband_verbs":
			all = append(all, seccomp.OfType(0x1b))
		}
	}
	return all
}
