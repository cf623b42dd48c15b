package isolate

import "golang.org/x/sys/unix"

// shownProc lists what programs read in /proc apart from processes. All other
// entries, except links, describe the machine or let root change it: root outside is
// root for these files inside, with or without capabilities. They are masked, and so
// is what a later Linux adds.
var shownProc = map[string]bool{
	"cgroups": true, "cpuinfo": true, "filesystems": true, "loadavg": true, "meminfo": true, "stat": true,
	"sys": true, "sysvipc": true, "uptime": true, "version": true, "vmstat": true,
}

// maskedProc lists the entries of /proc that are to be masked.
func maskedProc() ([]entry, error) {
	fd, err := unix.Open("/proc", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &SetupError{Doing: "list", Path: "/proc", Err: err}
	}
	defer unix.Close(fd)

	// Processes come after all other entries (proc_root_readdir in
	// fs/proc/root.c). There may be thousands, and a larger buffer would list them
	// as well. This one holds about all other entries in one call.
	masked := make([]entry, 0, 64)
	buf := make([]byte, 2<<10)
	for {
		entries, err := readEntries(fd, buf)
		if err != nil {
			return nil, &SetupError{Doing: "list", Path: "/proc", Err: err}
		}
		if len(entries) == 0 {
			return masked, nil
		}
		for _, e := range entries {
			switch {
			case '0' <= e.name[0] && e.name[0] <= '9':
				return masked, nil
			case e.kind != unix.DT_LNK && e.name != "." && e.name != ".." && !shownProc[e.name]:
				masked = append(masked, e)
			}
		}
	}
}
