package kernelspec

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// A Check is one thing that Verify tried.
type Check struct {
	Name   string `json:"name"`
	Kind   Kind   `json:"kind"`
	Held   bool   `json:"held"`
	Detail string `json:"detail"`
}

// Kind says what a check is about.
type Kind string

// Kinds of checks.
const (
	Protocol  Kind = "protocol"  // the kernel does what front ends want of it
	Isolation Kind = "isolation" // it doesn't do what its code could want of it
)

const (
	startup  = 60 * time.Second // as Jupyter's own front ends
	patience = 15 * time.Second
)

// A trial is one kernel being verified, and what lies around it for its
// probes to find.
type trial struct {
	argv, env  []string
	interrupt  string // signal or message
	dir        string // holds all that follows
	connection *connection
	dialect    *dialect
	values     map[string]string // for the probes
	decoy      *exec.Cmd
	listener   net.Listener
	visitors   atomic.Int32

	process *exec.Cmd
	ended   chan error
	said    bytes.Buffer
	client  *client
	report  func(Check)
}

// Verify starts a kernel from its spec exactly as Jupyter does, speaks
// Jupyter's protocol with it, and has it try what an isolated one mustn't be
// able to do. Each check is reported when it is done. The error is of what kept
// Verify from finding out.
func (j *Jupyter) Verify(base *Base, report func(Check)) (err error) {
	argv := base.Spec.argv()
	if !isIsolated(base.Spec) {
		if argv, err = resolve(argv, base.Dir, j); err != nil {
			return err
		}
	}
	t := &trial{dialect: dialectOf(base.Spec.text("language")), report: report, interrupt: strings.ToLower(base.Spec.text("interrupt_mode"))}
	runtime := filepath.Join(j.DataDir, "runtime")
	if err := os.MkdirAll(runtime, 0o700); err != nil {
		return err
	}
	if t.dir, err = os.MkdirTemp(runtime, "verify-"); err != nil {
		return err
	}
	defer os.RemoveAll(t.dir)
	if err := t.surround(); err != nil {
		return err
	}
	defer t.listener.Close()
	defer func() { t.decoy.Process.Kill(); t.decoy.Wait() }()
	t.command(argv, base.Spec.object("env"))
	if err := t.start(); err != nil {
		return err
	}
	defer t.stop()
	return t.all()
}

func (t *trial) path(name string) string { return filepath.Join(t.dir, name) }
func (t *trial) connectionFile() string  { return t.path("connections/kernel.json") }

// surround puts around the kernel what it shouldn't find: a file, another
// kernel's connection file, a process, a service.
func (t *trial) surround() (err error) {
	if t.connection, err = newConnection(); err != nil {
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

var variable = regexp.MustCompile(`\$(\w+|\{\w+\})`)

// command is what Jupyter would run: the spec's command with its placeholder
// filled in, in our environment with the spec's, in which $NAME is replaced.
func (t *trial) command(argv []string, env map[string]any) {
	for _, arg := range argv {
		t.argv = append(t.argv, strings.ReplaceAll(arg, "{connection_file}", t.connectionFile()))
	}
	t.env = append(os.Environ(), "JPY_PARENT_PID="+strconv.Itoa(os.Getpid()), "ISOLATE_VERIFY_TOKEN="+t.values["TOKEN"])
	for name, value := range env {
		text, _ := value.(string)
		text = variable.ReplaceAllStringFunc(text, func(reference string) string {
			if value, set := os.LookupEnv(strings.Trim(reference, "${}")); set {
				return value
			}
			return reference
		})
		t.env = append(t.env, name+"="+text)
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
		return err
	case err := <-t.ended:
		t.ended <- err
		return &Error{Reason: fmt.Sprintf("the kernel ended at its start: %s", lastLine(t.said.String())), Remedy: "isolate-kernelspec doctor looks for the cause"}
	}
}

// connect makes a client, and lets the kernel answer until what it publishes
// comes through as well: subscribing takes a moment that nothing tells of.
func (t *trial) connect(deadline context.Context) (err error) {
	if t.client, err = newClient(context.Background(), t.connection); err != nil {
		return err
	}
	for deadline.Err() == nil {
		if _, err = t.client.request(t.client.shell, "kernel_info_request", map[string]any{}, 2*time.Second); err != nil {
			continue
		}
		select {
		case <-t.client.published:
			return nil
		case <-time.After(500 * time.Millisecond):
		}
	}
	return &Error{Reason: "the kernel doesn't answer", Remedy: "see what it says when Jupyter starts it"}
}

// stop ends the kernel in any case.
func (t *trial) stop() {
	if t.client != nil {
		t.client.close()
	}
	syscall.Kill(-t.process.Process.Pid, syscall.SIGKILL)
	select {
	case <-t.ended:
	case <-time.After(patience):
	}
}

// check reports whether something went as it should.
func (t *trial) check(name string, err error, detail string) {
	if err != nil {
		detail = err.Error()
	}
	t.report(Check{Name: name, Kind: Protocol, Held: err == nil, Detail: detail})
}

func (t *trial) all() error {
	t.check("start", nil, "answers kernel_info")
	t.check("heartbeat", t.client.beat(patience), "comes back")
	if t.dialect == nil {
		t.report(Check{"probes", Isolation, false, "not known: there are none for this language"})
	} else {
		t.cells()
		t.probe()
		t.check("interrupt", t.interrupted(), "ends a cell, not the kernel")
	}
	if err := t.end("shutdown_request", true); err != nil {
		t.check("restart", err, "")
		return nil
	}
	t.client.close()
	if err := t.start(); err != nil {
		return err
	}
	t.check("restart", nil, "on the same ports")
	t.check("shutdown", t.end("shutdown_request", false), "the kernel ends, and its launcher")
	return nil
}

func (t *trial) cells() {
	text, err := t.client.run(t.dialect.hello, patience)
	if err == nil && !strings.Contains(text, "42") {
		err = fmt.Errorf("printed %q", text)
	}
	t.check("execute", err, "a cell's output arrives")
	if t.dialect.input != "" {
		t.check("stdin", t.asked(), "a cell asks for a line")
	}
}

// asked lets a cell ask for a line.
func (t *trial) asked() error {
	k := t.client
	id, err := k.send(k.shell, "execute_request", execution(t.dialect.input, true))
	if err != nil {
		return err
	}
	select {
	case <-k.inputs:
	case <-time.After(patience):
		return errSilent
	}
	if _, err := k.send(k.stdin, "input_reply", map[string]any{"value": "a line"}); err != nil {
		return err
	}
	text, err := k.output(id, patience)
	if err == nil && !strings.Contains(text, "got a line") {
		err = fmt.Errorf("printed %q", text)
	}
	return err
}

// probe has the kernel try. Where this side can see the result as well, the
// kernel's word isn't taken for it.
func (t *trial) probe() {
	text, err := t.client.run(t.dialect.program(t.values), 2*patience)
	for _, p := range Probes {
		open, told := strings.Contains(text, "probe "+p.Name+" open"), strings.Contains(text, "probe "+p.Name+" ")
		if p.Name == "write" {
			// It may have written into a directory of the sandbox's own.
			_, missing := os.Stat(t.values["TARGET"])
			open = missing == nil
		}
		c := Check{Name: p.Name, Kind: Isolation, Held: told && !open, Detail: p.Held}
		switch {
		case open || p.Name == "network" && t.visitors.Load() > 0:
			c.Held, c.Detail = false, p.Open
		case !told:
			c.Detail = "not known: " + cause(err, text)
		}
		t.report(c)
	}
}

// cause is why the probes told nothing.
func cause(err error, text string) string {
	if err != nil {
		return err.Error()
	}
	return "the probe printed " + strconv.Quote(lastLine(text))
}

// interrupted interrupts a cell that doesn't end as the front ends do, and
// sees the same kernel at work afterwards.
func (t *trial) interrupted() error {
	k := t.client
	id, err := k.send(k.shell, "execute_request", execution(t.dialect.forever, false))
	if err != nil {
		return err
	}
	time.Sleep(time.Second) // until it has begun
	if t.interrupt == "message" {
		_, err = k.send(k.control, "interrupt_request", map[string]any{})
	} else {
		err = syscall.Kill(-t.process.Process.Pid, syscall.SIGINT)
	}
	if err != nil {
		return err
	}
	select {
	case err := <-t.ended: // as xeus-python does on SIGINT, plain or isolated
		t.ended <- err
		return errors.New("ends the kernel")
	case err := <-t.replied(id):
		if err != nil {
			return fmt.Errorf("the cell goes on: %w", err)
		}
	}
	text, err := k.run(t.dialect.hello, patience)
	if err == nil && !strings.Contains(text, "42") {
		err = fmt.Errorf("afterwards it printed %q", text)
	}
	return err
}

// replied tells when the message of this identity is answered, or isn't in time.
func (t *trial) replied(id string) <-chan error {
	answered := make(chan error, 1)
	k := t.client
	go func() {
		_, err := k.reply(id, patience)
		answered <- err
	}()
	return answered
}

// end asks the kernel to end and waits for its process.
func (t *trial) end(kind string, restart bool) error {
	if _, err := t.client.send(t.client.control, kind, map[string]any{"restart": restart}); err != nil {
		return err
	}
	select {
	case err := <-t.ended:
		t.ended <- err
		return nil
	case <-time.After(patience):
		return errors.New("the process goes on")
	}
}
