package kernelspec

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"isolate-namespace/internal/pathname"
	"isolate-namespace/internal/protocol"
	"isolate-namespace/internal/regular"
	"isolate-namespace/internal/remedy"
	"isolate-namespace/internal/text"
	"isolate-namespace/internal/trace"
)

// An observed command holds what we saw of a command that ran until its kernel
// listened.
type observed struct {
	program string   // the kernel's, as it was executed
	argv    []string // of the kernel's process
	environ []string // of the kernel's process

	executed []string // on the way to the kernel, with its own program
	read     []string // on the way to the kernel
	mapped   []string // by the kernel
}

// An unobserved error says why we saw nothing of a command.
type unobserved struct {
	reason string
	plain  bool // the kernel doesn't start without isolation either
}

func (e *unobserved) Error() string { return e.reason }

// startup is how long a kernel may take to listen.
const startup = 60 * time.Second

// observe runs a command without isolation, as Jupyter would, until its kernel listens.
func observe(ctx context.Context, c command) (*observed, error) {
	dir, err := os.MkdirTemp("", "isolate-observe-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	connection, path, err := connectionIn(dir)
	if err != nil {
		return nil, err
	}
	said, say, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer said.Close()
	last := lastWords(said)

	traced := trace.Command{Env: c.environ, Dir: dir, Output: say}
	for _, arg := range c.argv {
		traced.Argv = append(traced.Argv, strings.ReplaceAll(arg, "{connection_file}", path))
	}

	limited, cancel := context.WithTimeout(ctx, startup)
	defer cancel()
	w := &watcher{ports: []int{connection.Shell, connection.IOPub, connection.Stdin, connection.Control, connection.Heartbeat}}
	uses, ended, err := trace.Watch(limited, traced, w.look)
	say.Close()
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case errors.Is(err, context.DeadlineExceeded):
		return nil, &unobserved{fmt.Sprintf("its kernel doesn't listen within %d s", int(startup.Seconds())), true}
	case err != nil:
		return nil, &unobserved{err.Error(), errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ENOEXEC)}
	case ended:
		return nil, &unobserved{strings.TrimSuffix("it ends at its start: "+<-last, ": "), true}
	case w.kernel == 0:
		return nil, &Error{Reason: "the kernel runs in no process of its command, as in a container or on another machine",
			Remedy: remedy.NameLocalKernel}
	}
	return w.observed(uses, dir, path), nil
}

// connectionIn writes a connection file into a directory.
func connectionIn(dir string) (c *protocol.Connection, path string, err error) {
	if c, err = protocol.NewConnection(); err != nil {
		return nil, "", err
	}
	data, err := json.Marshal(c)
	if err != nil {
		return nil, "", err
	}
	path = filepath.Join(dir, "kernel.json")
	return c, path, os.WriteFile(path, data, 0o600)
}

// lastWords sends the last line that can be read, at the end.
func lastWords(from io.Reader) <-chan string {
	last := make(chan string, 1)
	go func() {
		var tail []byte
		buffer := make([]byte, 4096)
		for {
			n, err := from.Read(buffer)
			tail = append(tail, buffer[:n]...)
			tail = tail[max(0, len(tail)-len(buffer)):]
			if err != nil {
				last <- text.LastLine(string(tail))
				return
			}
		}
	}()
	return last
}

// A watcher waits for a kernel to listen at its ports.
type watcher struct {
	ports   []int
	kernel  int // the process that listens, or 0 if we don't watch it
	argv    []string
	environ []string
	mapped  []string
}

// look reports whether somebody listens at every port, and then takes a look at who
// it is.
func (w *watcher) look(pids []int) bool {
	sockets := listening()
	var inode string
	for _, port := range w.ports {
		if inode = sockets[port]; inode == "" {
			return false
		}
	}
	for _, pid := range pids {
		if !holds(pid, "socket:["+inode+"]") {
			continue
		}
		w.kernel = pid
		w.argv = words(pid, "cmdline")
		w.environ = words(pid, "environ")
		w.mapped = mappedFiles(pid)
		break
	}
	return true
}

// listening returns the sockets that listen, by their port: the inode of each
// (proc_pid_net(5)).
func listening() map[int]string {
	found := map[int]string{}
	for _, name := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		table, err := os.ReadFile(name)
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(table)) {
			fields := strings.Fields(line)
			if len(fields) < 10 || fields[3] != "0A" { // TCP_LISTEN
				continue
			}
			_, port, _ := strings.Cut(fields[1], ":")
			if number, err := strconv.ParseUint(port, 16, 16); err == nil {
				found[int(number)] = fields[9]
			}
		}
	}
	return found
}

// holds reports whether a process has a file open.
func holds(pid int, file string) bool {
	descriptors, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	if err != nil {
		return false
	}
	return slices.ContainsFunc(descriptors, func(path string) bool {
		target, err := os.Readlink(path)
		return err == nil && target == file
	})
}

// words returns the strings of a file of /proc that ends each with a zero.
func words(pid int, name string) []string {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, name))
	if err != nil || len(data) == 0 {
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(data), "\x00"), "\x00")
}

// mappedFiles returns the files that a process has mapped.
func mappedFiles(pid int) (files []string) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		return nil
	}
	for lines := bufio.NewScanner(bytes.NewReader(data)); lines.Scan(); {
		at := strings.IndexByte(lines.Text(), '/')
		if at < 0 {
			continue
		}
		if file := lines.Text()[at:]; !slices.Contains(files, file) && executableOrLibrary(file) {
			files = append(files, file)
		}
	}
	return files
}

// executableOrLibrary reports whether a file that is there is a program or a
// library; a process also maps files of data, of locales for one.
func executableOrLibrary(path string) bool {
	f, err := regular.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	var magic [4]byte
	_, err = io.ReadFull(f, magic[:])
	return err == nil && string(magic[:]) == "\x7fELF"
}

// observed sorts what was used: what came before the kernel's program is the way
// to it, what the kernel's own process and its children use is its own business.
func (w *watcher) observed(uses []trace.Use, dir, connection string) *observed {
	o := &observed{argv: w.argv, environ: w.environ, mapped: w.mapped}

	begin := -1 // of the kernel's program
	for i, use := range uses {
		if use.Pid == w.kernel && use.Exec {
			begin, o.program = i, use.Path
		}
	}
	if begin < 0 { // it was forked from a process that the kernel's program runs in
		begin = slices.IndexFunc(uses, func(u trace.Use) bool { return u.Pid == w.kernel }) - 1
		for _, use := range uses[:max(begin+1, 0)] {
			if use.Exec {
				o.program = use.Path
			}
		}
	}

	before := map[int]bool{}
	for i, use := range uses {
		if i <= begin {
			before[use.Pid] = true
		}
		if pathname.Within(use.Path, dir) || i > begin && (use.Pid == w.kernel || !before[use.Pid]) {
			continue
		}
		list := &o.read
		if use.Exec {
			list = &o.executed
		}
		if info, err := os.Stat(use.Path); err == nil && info.Mode().IsRegular() && !slices.Contains(*list, use.Path) {
			*list = append(*list, use.Path)
		}
	}

	for i, arg := range o.argv {
		o.argv[i] = strings.ReplaceAll(arg, connection, "{connection_file}")
	}
	return o
}
