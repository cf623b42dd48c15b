package kernelspec

import (
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"syscall"

	"isolate-namespace/internal/text"
)

// maxAnswer is far more than any interpreter says of itself, in bytes.
const maxAnswer = 4 << 20

// answer runs a program and returns what it prints, and the end of its standard
// error. If this process ends meanwhile, so does the program.
func answer(program string, args, environ []string) (out []byte, errs string, err error) {
	// The program ends with this thread.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	printed, said := limited{}, text.Tail{}
	cmd := exec.Command(program, args...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = "/", environ, &printed, &said
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Run(); err != nil {
		if printed.over {
			err = errEndless
		}
		return nil, "", fmt.Errorf("%s: %w: %s", program, err, text.LastLine(said.String()))
	}
	return printed.data, said.String(), nil
}

var errEndless = errors.New("it prints without end")

// A limited writer keeps what is written, and fails when that is too much: then the
// program that writes to it ends.
type limited struct {
	data []byte
	over bool
}

func (l *limited) Write(data []byte) (int, error) {
	if len(data) > maxAnswer-len(l.data) {
		l.over = true
		return 0, errEndless
	}
	l.data = append(l.data, data...)
	return len(data), nil
}
