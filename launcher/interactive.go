package launcher

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"isolate-namespace/internal/remedy"
	"isolate-namespace/isolate"
)

// interactive reports whether a person looks at what the kernel answers: whether
// a server started it for a notebook that is open. Programs that run notebooks
// (nbclient, and with it nbconvert, nbgrader and papermill) must see no kernel
// at all if there is none: in doubt the answer is no.
//
// A server sets JPY_SESSION_NAME for the kernel only (jupyter_server,
// get_kernel_env). In a notebook, and in everything started from it, the variable
// is inherited: then our parent was started with it. Nbclient's
// connection files are temporary files, a server's have the kernel's id in
// their name (jupyter_client, MultiKernelManager.pre_start_kernel). Nbgrader
// says that it runs.
func interactive(c *connectionFile, parent int) bool {
	name := os.Getenv("JPY_SESSION_NAME")
	if name == "" || os.Getenv("NBGRADER_EXECUTION") != "" || os.Getenv("NBGRADER_VALIDATING") != "" {
		return false
	}
	if os.Getenv("JPY_PARENT_PID") != strconv.Itoa(parent) || os.Getppid() != parent {
		return false
	}
	if !strings.HasPrefix(filepath.Base(c.path), "kernel-") {
		return false
	}
	born, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", parent))
	inherited := slices.ContainsFunc(bytes.Split(born, []byte{0}), func(entry []byte) bool {
		return string(entry) == "JPY_SESSION_NAME="+name
	})
	return err == nil && !inherited
}

// A failure says why there is no kernel, or why it has ended.
type failure struct {
	err        error
	connection *connectionFile // nil if there is none
	listeners  *listeners
	parent     int // our parent's process ID when we started
}

// report says why on standard error and, if a person looks at the notebook, there.
// It returns the exit status if there is no such person.
func report(f *failure, stderr *os.File) int {
	status := complain(stderr, f.err)
	if f.connection == nil || !interactive(f.connection, f.parent) {
		return status
	}
	ending := Ending{ConnectionFile: f.connection.path, Status: strconv.Itoa(status)}
	var exit *isolate.ExitError
	if errors.As(f.err, &exit) && exit.Limit != "" {
		ending.Limit, ending.Cell = remedy.Limit(exit), f.listeners.cell.request()
		if ending.Cell == "" {
			return status // no place to put it
		}
	} else {
		ending.Cause, ending.Remedy = f.err.Error(), remedy.Kernel.For(f.err)
	}
	f.listeners.close()
	handOver(&ending)
	return status
}
