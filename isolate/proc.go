package isolate

import (
	"bytes"
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// shownProc lists what programs read in /proc apart from processes. All other
// entries, except links, describe the machine or let root change it: root outside is
// root for these files inside, with or without capabilities. They are masked, and so
// is what a later Linux adds.
var shownProc = map[string]bool{
	"cgroups": true, "cpuinfo": true, "filesystems": true, "loadavg": true, "meminfo": true, "stat": true,
	"sys": true, "sysvipc": true, "uptime": true, "version": true, "vmstat": true,
}

// maskedProc lists the names in /proc that are to be masked.
func maskedProc() ([]string, error) {
	fd, err := unix.Open("/proc", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &SetupError{Doing: "list", Path: "/proc", Err: err}
	}
	defer unix.Close(fd)

	// Processes come after all other entries (proc_root_readdir in
	// fs/proc/root.c). There may be thousands, and a larger buffer would list them
	// as well. This one holds about all other entries in one call.
	var masked []string
	buf := make([]byte, 2<<10)
	for {
		n, err := unix.Getdents(fd, buf)
		if err != nil {
			return nil, &SetupError{Doing: "list", Path: "/proc", Err: err}
		}
		if n == 0 {
			return masked, nil
		}
		for rest := buf[:n]; len(rest) > 0; {
			// struct linux_dirent64, getdents(2)
			const lengthAt, kindAt, nameAt = 16, 18, 19
			length := binary.NativeEndian.Uint16(rest[lengthAt:])
			kind := rest[kindAt]
			text, _, _ := bytes.Cut(rest[nameAt:length], []byte{0})
			name := string(text)
			rest = rest[length:]
			switch {
			case '0' <= name[0] && name[0] <= '9':
				return masked, nil
			case kind != unix.DT_LNK && name != "." && name != ".." && !shownProc[name]:
				masked = append(masked, name)
			}
		}
	}
}
