package kernelspec

import (
	"io"
	"os"
	"path/filepath"
)

// sameResources reports whether the twin has each resource of the base, unchanged.
func sameResources(base, twin string) bool {
	entries, err := os.ReadDir(base)
	if err != nil {
		return false
	}

	for _, entry := range entries {
		from := filepath.Join(base, entry.Name())
		info, err := os.Stat(from)
		switch {
		case err != nil || !isResource(entry.Name()):
			continue
		case entry.IsDir():
			if !sameResources(from, filepath.Join(twin, entry.Name())) {
				return false
			}
		case info.Mode().IsRegular():
			a, errA := os.ReadFile(from)
			b, errB := os.ReadFile(filepath.Join(twin, entry.Name()))
			if errA == nil && (errB != nil || string(a) != string(b)) {
				return false
			}
		}
	}

	return true
}

// isResource reports whether a file of a spec's directory is copied as it is.
func isResource(name string) bool { return name != "kernel.json" && name != recordName }

// copyTree copies the files of a resource directory, but for the two of ours.
// Links are followed, as Jupyter's own installer does; one that leads to a
// directory or nowhere is left out.
func copyTree(from, to string) error {
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}

	for _, entry := range entries {
		source, target := filepath.Join(from, entry.Name()), filepath.Join(to, entry.Name())
		info, err := os.Stat(source)
		switch {
		case err != nil || !isResource(entry.Name()):
			continue
		case entry.IsDir():
			err = copyTree(source, target)
		case info.Mode().IsRegular():
			err = copyFile(source, target)
		}
		if err != nil {
			return err
		}
	}

	return nil
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		out.Close()
		return err
	}
	return out.Close()
}
