// Package jupyter knows the directories in which Jupyter keeps a user's files.
package jupyter

import (
	"os"
	"path/filepath"
)

// DataDir returns Jupyter's data directory of the user with that home directory
// (jupyter_core.paths).
func DataDir(home string) string {
	if dir := os.Getenv("JUPYTER_DATA_DIR"); dir != "" {
		return dir
	}
	if dir := os.Getenv("XDG_DATA_HOME"); dir != "" {
		return filepath.Join(dir, "jupyter")
	}
	return filepath.Join(home, ".local/share/jupyter")
}

// RuntimeDir returns where Jupyter keeps the connection files of its kernels and
// what is needed to log in to its servers.
func RuntimeDir(home string) string {
	if dir := os.Getenv("JUPYTER_RUNTIME_DIR"); dir != "" {
		return dir
	}
	return filepath.Join(DataDir(home), "runtime")
}
