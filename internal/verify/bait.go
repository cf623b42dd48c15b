package verify

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"

	"isolate-namespace/internal/protocol"
)

// bait is what lies around a kernel and what it shouldn't find: a file, another
// kernel's connection file, a process, a service.
type bait struct {
	dir        string // holds all the files; locked while it is in use
	lock       *os.File
	connection *protocol.Connection // the kernel's own
	values     map[string]string    // for the probes, by placeholder

	decoy    *exec.Cmd
	listener net.Listener
	visitors atomic.Int32
}

// dirPattern names the directories of trials, for os.MkdirTemp and path.Match.
const dirPattern = "verify-*"

// layBait lays out all of it below dataDir. That isn't where Jupyter keeps its
// connection files: the launcher hides those wherever they lie, and would hide
// with them what is tried here.
func layBait(dataDir string) (b *bait, err error) {
	if err := os.MkdirAll(dataDir, 0o700); err != nil {
		return nil, err
	}
	removeAbandoned(dataDir)

	b = &bait{}
	defer func() {
		if err != nil {
			b.remove()
		}
	}()
	if err := b.makeDir(dataDir); err != nil {
		return nil, err
	}
	if err := b.makeFiles(); err != nil {
		return nil, err
	}
	if err := b.listen(); err != nil {
		return nil, err
	}

	b.values = map[string]string{
		"SECRET": b.path("secret"), "TARGET": b.path("written"), "KEYS": b.path("connections/other.json"),
		"DECOY": "decoy" + rand.Text(), "TOKEN": rand.Text(),
		"PORT": strconv.Itoa(b.listener.Addr().(*net.TCPAddr).Port),
	}
	return b, b.startDecoy()
}

// path returns a path below the directory.
func (b *bait) path(name string) string { return filepath.Join(b.dir, name) }

// connectionFile returns the path of the kernel's own.
func (b *bait) connectionFile() string { return b.path("connections/kernel.json") }

// workDir returns the directory that the kernel is started in.
func (b *bait) workDir() string { return b.path("work") }

// makeDir makes the directory, and locks it against removeAbandoned. Another
// trial may have removed it in between.
func (b *bait) makeDir(dataDir string) (err error) {
	for {
		if b.dir, err = os.MkdirTemp(dataDir, dirPattern); err != nil {
			return err
		}
		b.lock, err = os.Open(b.dir)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}

		err := unix.Flock(int(b.lock.Fd()), unix.LOCK_EX)
		if err != nil && err != unix.ENOLCK && err != unix.EOPNOTSUPP { // a file system without locks
			return &os.PathError{Op: "flock", Path: b.dir, Err: err}
		}
		if _, err := os.Stat(b.dir); err == nil {
			return nil
		}
		b.lock.Close()
	}
}

func (b *bait) makeFiles() (err error) {
	if b.connection, err = protocol.NewConnection(); err != nil {
		return err
	}
	connection, err := json.Marshal(b.connection)
	if err != nil {
		return err
	}

	for _, dir := range []string{b.workDir(), filepath.Dir(b.connectionFile())} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			return err
		}
	}
	files := map[string][]byte{
		b.connectionFile():               connection,
		b.path("connections/other.json"): []byte("{}"),
		b.path("secret"):                 []byte("secret\n"),
	}
	for path, data := range files {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// listen offers a service that counts who connects to it.
func (b *bait) listen() (err error) {
	if b.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return err
	}
	go func() {
		for {
			visitor, err := b.listener.Accept()
			if err != nil {
				return
			}
			b.visitors.Add(1)
			visitor.Close()
		}
	}()
	return nil
}

// startDecoy starts a process whose name the probes look for.
func (b *bait) startDecoy() error {
	b.decoy = exec.Command("sleep", "600")
	b.decoy.Args[0] = b.values["DECOY"]
	b.decoy.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return b.decoy.Start()
}

// remove takes away what there is of it.
func (b *bait) remove() {
	if b.decoy != nil && b.decoy.Process != nil {
		b.decoy.Process.Kill()
		b.decoy.Wait()
	}
	if b.listener != nil {
		b.listener.Close()
	}
	if b.dir != "" {
		os.RemoveAll(b.dir)
	}
	if b.lock != nil {
		b.lock.Close()
	}
}

// removeAbandoned removes the directories of trials that were killed: nobody
// holds their locks any more.
func removeAbandoned(dataDir string) {
	dirs, err := filepath.Glob(filepath.Join(dataDir, dirPattern))
	if err != nil {
		return
	}
	for _, dir := range dirs {
		lock, err := os.OpenFile(dir, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
		if err != nil {
			continue
		}
		if unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil {
			os.RemoveAll(dir)
		}
		lock.Close()
	}
}
