package verify

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"isolate-namespace/internal/remedy"
	"isolate-namespace/internal/text"
	"isolate-namespace/kernelspec"
)

const (
	startup  = 60 * time.Second // as Jupyter's own front ends wait
	patience = 15 * time.Second
)

// A process is the kernel, and the client that speaks to it.
type process struct {
	ctx       context.Context
	bait      *bait
	argv, env []string
	byMessage bool // it is interrupted by a message, not a signal

	cmd    *exec.Cmd
	ended  chan struct{} // closed when the process has ended
	said   text.Tail     // on standard error
	client *client       // nil until the kernel has answered
}

// newProcess prepares what Jupyter would run: the spec's command with its
// placeholder filled in, in our environment with the spec's.
func newProcess(ctx context.Context, b *bait, argv []string, spec kernelspec.Spec) *process {
	p := &process{ctx: ctx, bait: b, byMessage: spec.InterruptsByMessage()}

	for _, arg := range argv {
		p.argv = append(p.argv, strings.ReplaceAll(arg, "{connection_file}", b.connectionFile()))
	}

	p.env = append(os.Environ(), "JPY_PARENT_PID="+strconv.Itoa(os.Getpid()), "ISOLATE_VERIFY_TOKEN="+b.values["TOKEN"])
	for name, value := range spec.Expanded() {
		p.env = append(p.env, name+"="+value)
	}
	return p
}

// errEnded says that the kernel ended instead of answering.
var errEnded = errors.New("the kernel ended at its start")

// start starts the kernel and waits until it answers. After an error it isn't
// running.
func (p *process) start() error {
	if err := p.run(); err != nil {
		return err
	}

	ctx, cancel := context.WithCancel(p.ctx)
	type answer struct {
		client *client
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
			p.client = a.client
			return nil
		}
		err = a.err
		// A kernel that ends takes its connections along, which is noticed
		// before its end is.
		select {
		case <-p.ended:
			err = errEnded
		case <-time.After(5 * time.Second):
		case <-p.ctx.Done():
		}
	case <-p.ended:
		err = errEnded
	case <-p.ctx.Done():
		err = p.ctx.Err()
	}

	cancel()
	p.stop()
	return err
}

// run starts the kernel's process, in a session of its own as Jupyter does. It
// ends with this thread.
func (p *process) run() error {
	if err := p.ctx.Err(); err != nil {
		return err
	}
	p.said = text.Tail{}

	cmd := exec.Command(p.argv[0], p.argv[1:]...)
	cmd.Env, cmd.Dir, cmd.Stderr = p.env, p.bait.workDir(), &p.said
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
	cmd.WaitDelay = time.Second // a child of a plain kernel may hold the pipe
	if err := cmd.Start(); err != nil {
		return err
	}

	ended := make(chan struct{})
	p.cmd, p.ended = cmd, ended
	go func() {
		cmd.Wait()
		close(ended)
	}()
	return nil
}

// connect makes a client and lets the kernel answer until what it publishes
// comes through as well: nothing says when a subscription is complete.
func (p *process) connect(ctx context.Context) (*client, error) {
	k, err := newClient(ctx, p.bait.connection)
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
		case <-k.published:
			return k, nil
		case <-time.After(500 * time.Millisecond):
		}
	}

	k.Sockets.Close()
	return nil, &kernelspec.Error{Reason: "the kernel doesn't answer", Remedy: remedy.SeeWhatItSays}
}

// signal sends a signal to the kernel and what it has started, as Jupyter does.
func (p *process) signal(sig syscall.Signal) error { return syscall.Kill(-p.cmd.Process.Pid, sig) }

// stop ends the kernel in any case.
func (p *process) stop() {
	if p.client != nil {
		p.client.Close()
		p.client = nil
	}
	p.signal(syscall.SIGKILL)
	select {
	case <-p.ended:
	case <-time.After(patience):
	}
}

// explain puts the reason and the remedy to an error of start.
func (t *trial) explain(err error) error {
	var missing *os.PathError
	switch {
	case errors.Is(err, errEnded):
		said := text.LastLine(t.said.String())
		return &kernelspec.Error{Reason: err.Error() + ": " + said, Remedy: t.remedy(said)}
	case errors.As(err, &missing):
		return &kernelspec.Error{Reason: "start " + missing.Path + ": " + missing.Err.Error(), Remedy: remedy.LookForCause}
	}
	return err
}

var noModule = regexp.MustCompile(`No module named '?(\w+)`)

// remedy returns what helps a kernel whose last words these are.
func (t *trial) remedy(said string) string {
	python := kernelspec.Python(t.argv, t.language)
	match := noModule.FindStringSubmatch(said)
	if match == nil || python == "" {
		return remedy.LookForCause
	}

	return kernelspec.ModuleRemedy(python, match[1])
}
