package doctor

import (
	"os"
	"path/filepath"
	"strings"

	"isolate-namespace/internal/regular"
	"isolate-namespace/internal/remedy"
	"isolate-namespace/kernelspec"
)

// provisionerSetting is Jupyter's setting of the provisioner for kernelspecs that name
// none. Jupyter Server follows it; nbconvert, jupyter execute and nbgrader make their
// kernel managers without the configuration, and start plain kernels
// (jupyter_client/manager.py, nbclient/client.py).
const provisionerSetting = "default_provisioner_name"

// provisioner returns a finding for each configuration file that asks for isolated
// kernels in a way that doesn't hold everywhere.
func provisioner(j *kernelspec.Jupyter) (found []Finding) {
	for _, file := range configurationFiles(j) {
		text, err := regular.Read(file, 1<<20)
		if err == nil && sets(string(text)) {
			found = append(found, Finding{"provisioner", Weaker, file + " sets KernelProvisionerFactory." + provisionerSetting +
				", which only Jupyter Server follows: nbconvert, jupyter execute and nbgrader start plain kernels",
				remedy.SetProvisioner})
		}
	}
	return found
}

// sets reports whether a configuration has the setting, outside of comments.
func sets(text string) bool {
	for line := range strings.Lines(text) {
		code, _, _ := strings.Cut(line, "#")
		if strings.Contains(code, provisionerSetting) && strings.Contains(code, kernelspec.Provisioner) {
			return true
		}
	}
	return false
}

// configurationFiles are those that Jupyter's programs read, started here
// (jupyter_core.paths.jupyter_config_path).
func configurationFiles(j *kernelspec.Jupyter) (files []string) {
	dirs := []string{".", os.Getenv("JUPYTER_CONFIG_DIR"), "/usr/local/etc/jupyter", "/etc/jupyter"}
	if home, err := os.UserHomeDir(); err == nil {
		dirs = append(dirs, filepath.Join(home, ".jupyter"))
	}
	if j.Prefix != "" {
		dirs = append(dirs, filepath.Join(j.Prefix, "etc/jupyter"))
	}
	dirs = append(dirs, filepath.SplitList(os.Getenv("JUPYTER_CONFIG_PATH"))...)

	seen := map[string]bool{}
	for _, dir := range dirs {
		entries, err := os.ReadDir(dir)
		if dir == "" || err != nil {
			continue
		}
		for _, entry := range entries {
			name := entry.Name()
			file := filepath.Join(dir, name)
			isConfiguration := strings.HasSuffix(name, "_config.py") || strings.HasSuffix(name, "_config.json")
			if isConfiguration && !seen[file] {
				seen[file] = true
				files = append(files, file)
			}
		}
	}
	return files
}
