package isolate

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// fit checks that n's target can exist: in a directory of the host it must exist
// already, since nothing is made on the host. A mask of something that doesn't exist is
// dropped.
func (n *node) fit() (keep bool, err error) {
	if n.cover == nil {
		n.dir = n.dir || n.kind == maskNode || n.kind == procNode
		return !n.also, nil
	}

	if !n.cover.hostBacked() {
		if n.kind == linkNode && !n.cover.dir || n.also {
			return false, nil
		}
		if n.cover.kind == linkNode || !n.cover.dir {
			return false, n.misfit("it lies in a file")
		}
		if n.cover.kind == ptsNode {
			return false, n.misfit("it lies among the sandbox's own pseudo-terminals")
		}
		n.dir = n.dir || n.kind == maskNode
		return true, nil
	}

	if n.listed && n.cover.kind == procNode {
		return true, nil
	}

	var st unix.Stat_t
	err = unix.Lstat(n.cover.outside(n.target), &st)
	dir := st.Mode&unix.S_IFMT == unix.S_IFDIR
	if err == unix.EACCES && n.kind == maskNode {
		if err := closedWay(n.cover.source, n.cover.outside(n.target)); err != nil {
			return false, err
		}
	}

	switch {
	case err != nil && (n.kind == maskNode || n.base), n.kind == linkNode:
		return false, nil // a mount has something else where the base has this
	case err != nil && n.kind == procSysNode:
		return false, &SetupError{Doing: "mount at", Path: n.target, Err: errors.New("/proc has nothing but processes here"),
			Kind: KindProcHidden, Where: LookAround()}
	case err != nil:
		return false, &SetupError{Doing: "mount at", Path: n.target, Err: fmt.Errorf("%s has no such entry", n.cover.source),
			Kind: KindNoTarget, About: n.cover.outside(n.target)}
	case n.hasOtherNames(&st):
		return false, &SetupError{Doing: "protect", Path: n.cover.outside(n.target), Kind: KindLinks,
			Err: fmt.Errorf("it has %d names (hard links), of which the program could use another", st.Nlink)}
	case n.kind == maskNode || n.kind == procSysNode:
		n.dir = dir
	case n.dir && !dir:
		return false, n.misfit("a directory can't cover a file")
	case !n.dir && dir:
		return false, n.misfit("a file can't cover a directory")
	}

	return true, nil
}

// hasOtherNames reports whether n keeps a file from the program that it could reach
// by another name: to read what is masked, or to change what is read-only. st is of
// the file that n covers.
func (n *node) hasOtherNames(st *unix.Stat_t) bool {
	if st.Mode&unix.S_IFMT != unix.S_IFREG || st.Nlink == 1 {
		return false
	}
	if n.kind == maskNode {
		return !n.cover.base
	}
	isSame := n.kind == bindNode && n.host.fileID == fileID{uint64(st.Dev), st.Ino}
	return isSame && n.access == AccessReadOnly && n.cover.kind == bindNode && n.cover.access == AccessWritable
}

func (n *node) misfit(why string) error {
	return &SetupError{Doing: "mount at", Path: n.target, Err: errors.New(why), Kind: KindTarget}
}
