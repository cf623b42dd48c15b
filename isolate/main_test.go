package isolate

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"isolate-namespace/internal/filtered"
	"isolate-namespace/internal/network"
	"isolate-namespace/isolate/internal/attack"
)

// The test binary is also the program that tests run inside or as a caller of
// its own: TEST_ROLE names what it does instead of testing, with the
// arguments that follow its name.
const roleVariable = "TEST_ROLE"

func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == helper {
		network.Run(os.Args[1:], os.Stdin, os.Stdout)
		os.Exit(0)
	}
	name := os.Getenv(roleVariable)
	if name == "" {
		os.Exit(m.Run())
	}
	role, ok := testRoles()[name]
	if !ok {
		fmt.Fprintf(os.Stderr, "no test role %q\n", name)
		os.Exit(2)
	}
	os.Exit(role(os.Args[1:]))
}

// kindOf returns the kind of a SetupError, or "".
func kindOf(err error) Kind {
	var setup *SetupError
	if errors.As(err, &setup) {
		return setup.Kind
	}
	return ""
}

// testRoles returns what the test binary can be, each returning its exit status.
func testRoles() map[string]func(args []string) int {
	return map[string]func(args []string) int{
		"caller":       callerRole,
		"crowd":        crowdRole,
		"memoryInside": memoryInsideRole,
		"inotify":      inotifyRole,
		"inotifyUser":  inotifyUserRole,
		"pids":         pidsRole,
		"stopper":      stopperRole,
		"attacker":     attack.Main,
		"asker":        askerRole,
		"maker":        makerRole,
		"reuser":       reuserRole,
		"named":        namedRole,
		"mounter":      mounterRole,
		"meanwhile":    meanwhileRole,
		"dialer":       dialerRole,
		"describer":    describerRole,
		"copier":       copierRole,
		"filtered":     filtered.Main,
		"surroundings": surroundingsRole,
	}
}
