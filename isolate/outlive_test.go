package isolate

import (
	"net"
	"path/filepath"
	"testing"
	"time"
)

// A service in a directory that was named keeps the program's end of its output
// open: the caller waits for what the program wrote, and no longer.
func TestOutputHandedOut(t *testing.T) {
	dir := t.TempDir()
	service, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(dir, "s")})
	if err != nil {
		t.Fatal(err)
	}
	defer service.Close()
	kept := make(chan *net.UnixConn, 1)
	go func() {
		conn, err := service.AcceptUnix()
		if err == nil {
			conn.ReadMsgUnix(make([]byte, 1), make([]byte, 64)) // the descriptor stays open in us
		}
		kept <- conn
	}()

	const script = `exec python3 -c '
import array, os, socket
s = socket.socket(socket.AF_UNIX); s.connect("s")
s.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [1]))])
s.recv(1)
os.write(1, b"x" * 60000 + b"last")'`
	ended := make(chan string, 1)
	go func() {
		out, err := sh(t, in(dir), script)
		if err != nil {
			t.Error(err)
		}
		ended <- out
	}()
	conn := <-kept
	conn.Close()
	select {
	case out := <-ended:
		if len(out) != 60004 {
			t.Errorf("%d bytes of output", len(out))
		}
	case <-time.After(20 * time.Second):
		t.Fatal("the caller waits for a service that has the program's output")
	}
}

// A program that takes all descriptors from init ends its own sandbox: init
// couldn't wait for anything any more.
func TestInitWithoutDescriptors(t *testing.T) {
	const script = `exec python3 -c '
import os, resource, time
resource.prlimit(1, resource.RLIMIT_NOFILE, (0, 0))
if os.fork() == 0:
    if os.fork() == 0:
        time.sleep(0.2) # init has adopted it by then
    os._exit(0)
time.sleep(60)'`
	start := time.Now()
	_, err := sh(t, in(t.TempDir()), script)
	if ExitCode(err) != 128+9 || time.Since(start) > 20*time.Second {
		t.Errorf("%v after %v", err, time.Since(start))
	}
}
