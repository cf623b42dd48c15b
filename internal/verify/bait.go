package verify

import (
	"crypto/rand"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"

	"isolate-namespace/internal/scratch"
)

// bait is what lies around a kernel and what it shouldn't find: a file, another
// kernel's connection file, a process, a service.
type bait struct {
	dir    *scratch.Dir      // holds all the files
	values map[string]string // for the probes, by placeholder

	decoy    *exec.Cmd
	listener net.Listener
}

// dirPattern names the directories of trials.
const dirPattern = "verify-*"

// layBait lays out all of it below dataDir. That isn't where Jupyter keeps its
// connection files: the launcher hides those wherever they lie, and would hide
// with them what is tried here.
func layBait(dataDir string) (b *bait, err error) {
	b = &bait{}
	defer func() {
		if err != nil {
			b.remove()
		}
	}()
	if b.dir, err = scratch.Make(dataDir, dirPattern); err != nil {
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
func (b *bait) path(name string) string { return filepath.Join(b.dir.Path, name) }

// connectionFile returns the path of the kernel's own.
func (b *bait) connectionFile() string { return b.path("connections/kernel.json") }

// workDir returns the directory that the kernel is started in.
func (b *bait) workDir() string { return b.path("work") }

func (b *bait) makeFiles() error {
	for _, dir := range []string{b.workDir(), filepath.Dir(b.connectionFile())} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			return err
		}
	}
	files := map[string][]byte{
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

// listen offers a service. Who connects to it doesn't count: others may do that, such as
// a front end that takes the port for one of a kernel that it starts.
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
	if b.dir != nil {
		b.dir.Remove()
	}
}
