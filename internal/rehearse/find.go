package rehearse

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"isolate-namespace/internal/remedy"
	"isolate-namespace/kernelspec"
)

// Find returns the notebooks that paths name: a directory means those in it or,
// if it has none, those in the directories below it. Their order is that of the
// paths, then by name.
func Find(paths []string) (notebooks []string, err error) {
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return nil, &kernelspec.Error{Reason: err.Error(), Remedy: remedy.NameNotebook}
		}
		if !info.IsDir() {
			notebooks = append(notebooks, path)
			continue
		}
		found, err := findIn(path)
		if err != nil {
			return nil, err
		}
		if len(found) == 0 {
			return nil, &kernelspec.Error{Reason: fmt.Sprintf("no notebook is in %s", path), Remedy: remedy.NameNotebook}
		}
		notebooks = append(notebooks, found...)
	}
	return notebooks, nil
}

func findIn(dir string) (found []string, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, entry := range entries {
		if entry.Type()&fs.ModeType&^fs.ModeSymlink == 0 && strings.HasSuffix(entry.Name(), ".ipynb") && !hidden(entry) {
			found = append(found, filepath.Join(dir, entry.Name()))
		}
	}
	if len(found) > 0 {
		return found, nil
	}

	for _, entry := range entries {
		if !entry.IsDir() || hidden(entry) {
			continue
		}
		below, err := findIn(filepath.Join(dir, entry.Name()))
		if err != nil {
			return nil, err
		}
		found = append(found, below...)
	}
	return found, nil
}

// hidden entries are what tools keep, such as .ipynb_checkpoints.
func hidden(entry fs.DirEntry) bool { return strings.HasPrefix(entry.Name(), ".") }
