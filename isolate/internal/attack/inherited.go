package attack

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// inheritedAttacks use a descriptor of a directory that the caller had open
// and didn't mark for closing (CVE-2024-21626, CVE-2016-9962).
func inheritedAttacks() []Attack {
	const most = 256
	each := func(try func(fd int) error) func(*World) error {
		return func(*World) error {
			for fd := 3; fd < most; fd++ {
				if try(fd) == nil {
					return nil
				}
			}
			return errRefused
		}
	}

	at := func(name string, try func(w *World) error) Attack { return Attack{name, Plainly, try} }
	return []Attack{
		at("reads through an inherited descriptor", each(func(fd int) error { return reads(fmt.Sprintf("/proc/self/fd/%d/secret", fd)) })),
		at("opens a file by an inherited descriptor", each(func(fd int) error {
			_, err := unix.Openat(fd, "secret", unix.O_RDONLY, 0)
			return err

		})),
		at("changes to an inherited descriptor's directory", each(func(fd int) error {
			if err := unix.Fchdir(fd); err != nil {
				return err
			}
			return reads("secret")
		})),
		at("climbs from an inherited descriptor", each(func(fd int) error {
			return exists(fmt.Sprintf("/proc/self/fd/%d/../outside/secret", fd))
		})),
		at("reads through its parent's inherited descriptor", each(func(fd int) error {
			return reads(fmt.Sprintf("/proc/%d/fd/%d/secret", os.Getppid(), fd))
		})),
	}
}
