package launcher

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"isolate-namespace/internal/remedy"
	"isolate-namespace/isolate"
)

// mostNotebooks is how many notebooks of one directory are protected. Each is a
// mount, of which a start takes a fifteenth of a millisecond and the kernel
// allows 100,000.
const mostNotebooks = 1000

// protectNotebooks keeps what the kernel works beside from being replaced:
// whoever executes a notebook writes it again when the kernel has ended,
// outside, and would follow a link that the kernel left in its place. Each
// notebook of the working directory is a read-only mount of itself where the
// directory can be written to: it can be neither written, nor removed, nor
// renamed.
func protectNotebooks(p *isolate.Policy) error {
	names, count := notebooks(p.Dir)
	if count > mostNotebooks {
		return checkUnprotected(p, count)
	}
	for _, name := range names {
		p.Mounts = append(p.Mounts, isolate.ReadOnly(filepath.Join(p.Dir, name)).WhereverShown())
	}
	return nil
}

// checkUnprotected is an error if so many notebooks can be written to.
func checkUnprotected(p *isolate.Policy, count int) error {
	places, err := p.Shows(p.Dir)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(places, func(place isolate.Place) bool { return place.Access == isolate.AccessWritable }) {
		return nil
	}
	return &isolate.SetupError{Doing: "protect the notebooks in", Path: p.Dir, Kind: remedy.KindNotebooks,
		Err: fmt.Errorf("there are %d, and no more than %d can be", count, mostNotebooks)}
}

// notebooks counts those in a directory, and names them if they aren't too
// many. Those with a dot are what Jupyter writes before it gives them their
// name. A directory that can't be read holds none for us.
func notebooks(dir string) (names []string, count int) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, 0
	}
	defer f.Close()

	for {
		entries, err := f.ReadDir(1024)
		for _, entry := range entries {
			name := entry.Name()
			if filepath.Ext(name) != ".ipynb" || name[0] == '.' || !entry.Type().IsRegular() {
				continue
			}
			if count++; count <= mostNotebooks {
				names = append(names, name)
			}
		}
		if err != nil { // io.EOF
			return names, count
		}
	}
}
