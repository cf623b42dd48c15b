package verify

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"isolate-namespace/internal/text"
	"isolate-namespace/kernelspec"
	"isolate-namespace/protocol"
)

func (t *trial) path(name string) string { return filepath.Join(t.dir, name) }
func (t *trial) connectionFile() string  { return t.path("connections/kernel.json") }

// surround puts around the kernel what it shouldn't find: a file, another
// kernel's connection file, a process, a service.
func (t *trial) surround() (err error) {
	if t.connection, err = protocol.NewConnection(); err != nil {
		return err
	}
	text, err := json.Marshal(t.connection)
	if err != nil {
		return err
	}
	for _, name := range []string{"work", "connections"} {
		if err := os.Mkdir(filepath.Join(t.dir, name), 0o700); err != nil {
			return err
		}
	}
	for name, data := range map[string][]byte{t.connectionFile(): text, t.path("connections/other.json"): []byte("{}"), t.path("secret"): []byte("secret\n")} {
		if err := os.WriteFile(name, data, 0o600); err != nil {
			return err
		}
	}
	if t.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return err
	}
	go func() {
		for {
			visitor, err := t.listener.Accept()
			if err != nil {
				return
			}
			t.visitors.Add(1)
			visitor.Close()
		}
	}()
	t.values = map[string]string{
		"SECRET": t.path("secret"), "TARGET": t.path("written"), "KEYS": t.path("connections/other.json"),
		"DECOY": "decoy" + rand.Text(), "TOKEN": rand.Text(), "PORT": strconv.Itoa(t.listener.Addr().(*net.TCPAddr).Port),
	}
	t.decoy = exec.Command("sleep", "600")
	t.decoy.Args[0] = t.values["DECOY"]
	return t.decoy.Start()
}

// command is what Jupyter would run: the spec's command with its placeholder
// filled in, in our environment with the spec's.
func (t *trial) command(argv []string, env map[string]string) {
	for _, arg := range argv {
		t.argv = append(t.argv, strings.ReplaceAll(arg, "{connection_file}", t.connectionFile()))
	}
	t.env = append(os.Environ(), "JPY_PARENT_PID="+strconv.Itoa(os.Getpid()), "ISOLATE_VERIFY_TOKEN="+t.values["TOKEN"])
	for name, value := range env {
		t.env = append(t.env, name+"="+value)
	}
}

// start starts the kernel and waits until it answers.
func (t *trial) start() error {
	t.said.Reset()
	t.process = exec.Command(t.argv[0], t.argv[1:]...)
	t.process.Env, t.process.Dir, t.process.Stderr = t.env, t.path("work"), &t.said
	t.process.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	t.process.WaitDelay = time.Second // a child of a plain kernel may hold the pipe
	if err := t.process.Start(); err != nil {
		return err
	}
	t.ended = make(chan error, 1)
	process, ended := t.process, t.ended
	go func() { ended <- process.Wait() }()
	deadline, cancel := context.WithTimeout(context.Background(), startup)
	defer cancel()
	ready := make(chan error, 1)
	go func() { ready <- t.connect(deadline) }()
	select {
	case err := <-ready:
		if err == nil {
			return nil
		}
		// A kernel that ends takes its connections along, which is noticed
		// before its end is.
		select {
		case ended := <-t.ended:
			return t.endedAtStart(ended)
		case <-time.After(5 * time.Second):
			t.stop()
			return err
		}
	case ended := <-t.ended:
		return t.endedAtStart(ended)
	}
}

func (t *trial) endedAtStart(ended error) error {
	t.ended <- ended // for stop
	said := text.LastLine(t.said.String())
	return &kernelspec.Error{Reason: "the kernel ended at its start: " + said, Remedy: t.startRemedy(said)}
}

var noModule = regexp.MustCompile(`No module named '?(\w+)`)

// startRemedy is what helps a kernel whose last words these are.
func (t *trial) startRemedy(said string) string {
	python := kernelspec.Python(t.argv, t.language)
	match := noModule.FindStringSubmatch(said)
	if match == nil || python == "" {
		return "isolate-kernelspec doctor looks for the cause"
	}
	module := match[1]
	if kernelspec.HasModule(python, module) { // without isolation
		return "isolate-kernelspec update shows the kernel what its interpreter reads now"
	}
	if module == "ipykernel_launcher" {
		module = "ipykernel"
	}
	return text.Quote(python) + " -m pip install " + module
}

// connect makes a client, and lets the kernel answer until what it publishes
// comes through as well: subscribing takes a moment that nothing tells of.
func (t *trial) connect(deadline context.Context) (err error) {
	if t.client, err = newClient(context.Background(), t.connection); err != nil {
		return err
	}
	for deadline.Err() == nil {
		if _, err = t.client.request(t.client.Shell, "kernel_info_request", map[string]any{}, 2*time.Second); err != nil {
			continue
		}
		select {
		case <-t.client.published:
			return nil
		case <-time.After(500 * time.Millisecond):
		}
	}
	return &kernelspec.Error{Reason: "the kernel doesn't answer", Remedy: "see what it says when Jupyter starts it"}
}

// stop ends the kernel in any case.
func (t *trial) stop() {
	if t.client != nil {
		t.client.Close()
	}
	syscall.Kill(-t.process.Process.Pid, syscall.SIGKILL)
	select {
	case <-t.ended:
	case <-time.After(patience):
	}
}
