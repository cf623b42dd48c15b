package kernelspec

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"isolate-namespace/internal/regular"
)

// What a twin copies from a resource directory has these limits. The kernel itself
// sees the base's directory, whatever is in it.
const (
	maxResources     = 1000 // files and directories
	maxResourceDepth = 8    // directories below one another
	maxResourceSize  = 64 << 20
)

// Resources are the files of a kernel's resource directory of which its twin has
// copies: logos, and what front ends load. Somebody else may have made the
// directory and may change it at any moment.
type resources struct {
	root  *os.Root
	dirs  []string // each after the one that it lies in
	files []resource
	size  int64 // of all files

	left map[string][]string // what isn't copied, by the reason
	seen int
}

type resource struct {
	path string // in the directory
	size int64
}

// findResources finds the resources in a directory. Links are followed, as
// Jupyter's own installer does, but not out of the directory; one that leads to a
// directory or nowhere is left out.
func findResources(dir string) (*resources, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	r := &resources{root: root, left: map[string][]string{}}
	if err := r.find(".", 0); err != nil {
		root.Close()
		return nil, err
	}
	return r, nil
}

func (r *resources) find(dir string, depth int) error {
	entries, err := r.entries(dir)
	if err != nil {
		return err
	}
	r.dirs = append(r.dirs, dir)
	if len(entries) > maxResources-r.seen {
		r.leave(filepath.Join(dir, "*"), fmt.Sprintf("there are more than %d", maxResources))
		return nil
	}
	r.seen += len(entries)

	for _, entry := range entries {
		path := filepath.Join(dir, entry.Name())
		if !isResource(entry.Name()) {
			continue
		}
		info, err := r.root.Stat(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			r.leave(path, "it leads elsewhere")
		case entry.IsDir() && depth == maxResourceDepth:
			r.leave(path, fmt.Sprintf("it is more than %d directories deep", maxResourceDepth))
		case entry.IsDir():
			if err := r.find(path, depth+1); err != nil {
				return err
			}
		case info.Mode().IsRegular() && info.Size() > maxResourceSize-r.size:
			r.leave(path, fmt.Sprintf("all together are longer than %d MiB", maxResourceSize>>20))
		case info.Mode().IsRegular():
			r.size += info.Size()
			r.files = append(r.files, resource{path, info.Size()})
		}
	}
	return nil
}

// entries returns what is in a directory, sorted, but of too many only one too
// many.
func (r *resources) entries(dir string) ([]fs.DirEntry, error) {
	f, err := r.root.OpenFile(dir, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	entries, err := f.ReadDir(maxResources - r.seen + 1)
	if err != nil && err != io.EOF {
		return nil, err
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return cmp.Compare(a.Name(), b.Name()) })
	return entries, nil
}

func (r *resources) leave(path, reason string) { r.left[reason] = append(r.left[reason], path) }

// isResource reports whether a file of a spec's directory is copied as it is.
func isResource(name string) bool {
	return !slices.Contains([]string{"kernel.json", plainFile, recordName}, name)
}

// notes says what isn't copied, a line for each reason.
func (r *resources) notes() (notes []string) {
	const named = 3
	for reason, paths := range r.left {
		names := strings.Join(paths[:min(len(paths), named)], ", ")
		if more := len(paths) - named; more > 0 {
			names += fmt.Sprintf(" and %d more", more)
		}
		notes = append(notes, fmt.Sprintf("not copied from %s: %s: %s", r.root.Name(), names, reason))
	}
	slices.Sort(notes)
	return notes
}

// copyTo makes a directory with copies that are as accessible as the resources, or
// less.
func (r *resources) copyTo(to string) error {
	for _, dir := range r.dirs {
		info, err := r.root.Stat(dir)
		if err != nil {
			return err
		}
		if err := os.Mkdir(filepath.Join(to, dir), info.Mode().Perm()&0o755|0o700); err != nil {
			return err
		}
	}
	for _, file := range r.files {
		if err := r.copyFile(file, filepath.Join(to, file.path)); err != nil {
			return err
		}
	}
	return nil
}

func (r *resources) copyFile(from resource, to string) error {
	in, err := regular.OpenIn(r.root, from.path)
	if err != nil {
		return err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return err
	}

	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, info.Mode().Perm()&0o644|0o600)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, io.LimitReader(in, from.size)); err != nil {
		out.Close()
		return err
	}
	return out.Close()
}

// sameResources reports whether the twin has each resource of the base, unchanged.
func sameResources(base, twin string) bool {
	r, err := findResources(base)
	if err != nil {
		return false
	}
	defer r.root.Close()
	copies, err := os.OpenRoot(twin)
	if err != nil {
		return false
	}
	defer copies.Close()

	for _, dir := range r.dirs {
		if info, err := copies.Stat(dir); err != nil || !info.IsDir() {
			return false
		}
	}
	for _, file := range r.files {
		original, err := regular.OpenIn(r.root, file.path)
		if err != nil {
			continue
		}
		made, err := regular.OpenIn(copies, file.path)
		same := err == nil && regular.Same(original, made)
		original.Close()
		made.Close()
		if !same {
			return false
		}
	}
	return true
}
