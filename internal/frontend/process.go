package frontend

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"isolate-namespace/internal/protocol"
	"isolate-namespace/internal/text"
)

const (
	startup  = 60 * time.Second // as Jupyter's own front ends wait
	patience = 15 * time.Second
)

// A Process is the kernel, and the client that speaks to it.
type Process struct {
	Argv, Env []string // with {connection_file} replaced by its path
	Dir       string   // in which the kernel works
	ByMessage bool     // it is interrupted by a message, not a signal

	Ended  chan struct{} // closed when the process has ended
	Said   text.Tail     // on standard error
	Client *Client       // nil until the kernel has answered

	ctx        context.Context
	connection *protocol.Connection
	cmd        *exec.Cmd
}

// NewProcess prepares what Jupyter would run: a spec's command with its
// placeholder filled in, in our environment with the variables given. It writes
// the connection file, which whoever calls it removes. What is started ends with
// ctx, and with the thread that starts it.
func NewProcess(ctx context.Context, argv []string, env map[string]string, dir, connectionFile string) (*Process, error) {
	connection, err := protocol.NewConnection()
	if err != nil {
		return nil, err
	}
	data, err := json.Marshal(connection)
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(connectionFile, data, 0o600); err != nil {
		return nil, err
	}

	p := &Process{ctx: ctx, connection: connection, Dir: dir}
	for _, arg := range argv {
		p.Argv = append(p.Argv, strings.ReplaceAll(arg, "{connection_file}", connectionFile))
	}
	p.Env = append(os.Environ(), "JPY_PARENT_PID="+strconv.Itoa(os.Getpid()))
	for name, value := range env {
		p.Env = append(p.Env, name+"="+value)
	}
	return p, nil
}

var (
	// ErrEnded says that the kernel ended instead of answering.
	ErrEnded = errors.New("the kernel ended at its start")

	// ErrNoStart says that the kernel runs, and doesn't answer for a minute.
	ErrNoStart = errors.New("the kernel doesn't answer")
)

// Start starts the kernel and waits until it answers. After an error it isn't
// running.
func (p *Process) Start() error {
	if err := p.run(); err != nil {
		return err
	}

	ctx, cancel := context.WithCancel(p.ctx)
	type answer struct {
		client *Client
		err    error
	}
	connected := make(chan answer, 1)
	go func() {
		client, err := p.connect(ctx)
		connected <- answer{client, err}
	}()

	var err error
	select {
	case a := <-connected:
		if a.err == nil {
			a.client.cancel = cancel
			p.Client = a.client
			return nil
		}
		err = a.err
		// A kernel that ends takes its connections along, which is noticed
		// before its end is.
		select {
		case <-p.Ended:
			err = ErrEnded
		case <-time.After(5 * time.Second):
		case <-p.ctx.Done():
		}
	case <-p.Ended:
		err = ErrEnded
	case <-p.ctx.Done():
		err = p.ctx.Err()
	}

	cancel()
	p.Stop()
	return err
}

// run starts the kernel's process, in a session of its own as Jupyter does. It
// ends with this thread.
func (p *Process) run() error {
	if err := p.ctx.Err(); err != nil {
		return err
	}
	p.Said = text.Tail{}

	cmd := exec.Command(p.Argv[0], p.Argv[1:]...)
	cmd.Env, cmd.Dir, cmd.Stderr = p.Env, p.Dir, &p.Said
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
	cmd.WaitDelay = time.Second // a child of a plain kernel may hold the pipe
	if err := cmd.Start(); err != nil {
		return err
	}

	ended := make(chan struct{})
	p.cmd, p.Ended = cmd, ended
	go func() {
		cmd.Wait()
		close(ended)
	}()
	return nil
}

// connect makes a client and lets the kernel answer until what it publishes
// comes through as well: nothing says when a subscription is complete.
func (p *Process) connect(ctx context.Context) (*Client, error) {
	k, err := newClient(ctx, p.connection)
	if errors.Is(err, os.ErrDeadlineExceeded) { // its launcher listens for it, and it doesn't greet
		return nil, ErrNoStart
	}
	if err != nil {
		return nil, err
	}

	deadline, cancel := context.WithTimeout(ctx, startup)
	defer cancel()
	for deadline.Err() == nil {
		if _, err = k.request(k.Shell, "kernel_info_request", map[string]any{}, 2*time.Second); err != nil {
			continue
		}
		select {
		case <-k.Published:
			return k, nil
		case <-time.After(500 * time.Millisecond):
		}
	}

	k.Sockets.Close()
	return nil, ErrNoStart
}

// Signal sends a signal to the kernel and what it has started, as Jupyter does.
func (p *Process) Signal(sig syscall.Signal) error { return syscall.Kill(-p.cmd.Process.Pid, sig) }

// Interrupt interrupts the kernel in the way that its spec names.
func (p *Process) Interrupt() error {
	if p.ByMessage {
		_, err := p.Client.Send(p.Client.Control, "interrupt_request", map[string]any{})
		return err
	}
	return p.Signal(syscall.SIGINT)
}

// End asks the kernel to end and waits for its process. Like Jupyter it insists
// if asking isn't enough, as it isn't for every kernel.
func (p *Process) End(kind string, restart bool) error {
	if _, err := p.Client.Send(p.Client.Control, kind, map[string]any{"restart": restart}); err != nil {
		return err
	}

	asked := time.After(2500 * time.Millisecond) // as jupyter_client's KernelManager.finish_shutdown
	for {
		select {
		case <-p.Ended:
			return nil
		case <-asked:
			if err := p.Signal(syscall.SIGTERM); err != nil {
				return err
			}
		case <-time.After(patience):
			return errors.New("the process goes on")
		case <-p.ctx.Done():
			return p.ctx.Err()
		}
	}
}

// Stop ends the kernel in any case.
func (p *Process) Stop() {
	if p.Client != nil {
		p.Client.Close()
		p.Client = nil
	}
	p.Signal(syscall.SIGKILL)
	select {
	case <-p.Ended:
	case <-time.After(patience):
	}
}
