// Package jupyter knows where Jupyter keeps what is the user's.
package jupyter

import (
	"os"
	"path/filepath"
)

// DataDir is the user's data directory of Jupyter's; home is the user's own
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

// RuntimeDir is where Jupyter keeps the connection files of its kernels and
// what is needed to log in to its servers.
func RuntimeDir(home string) string {
	if dir := os.Getenv("JUPYTER_RUNTIME_DIR"); dir != "" {
		return dir
	}
	return filepath.Join(DataDir(home), "runtime")
}
