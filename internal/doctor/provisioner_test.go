package doctor

import (
	"os"
	"path/filepath"
	"testing"

	"isolate-namespace/kernelspec"
)

func TestProvisioner(t *testing.T) {
	for _, test := range []struct {
		name, file, text string
		found            bool
	}{
		{"Python", "nbgrader_config.py", "c.KernelProvisionerFactory.default_provisioner_name = 'isolate-provisioner'\n", true},
		{"JSON", "jupyter_server_config.json", `{"KernelProvisionerFactory": {"default_provisioner_name": "isolate-provisioner"}}`, true},
		{"a comment", "jupyter_config.py", "# c.KernelProvisionerFactory.default_provisioner_name = 'isolate-provisioner'\n", false},
		{"another one", "jupyter_config.py", "c.KernelProvisionerFactory.default_provisioner_name = 'local-provisioner'\n", false},
		{"the variable", "nbgrader_config.py", "os.environ['JUPYTER_DEFAULT_PROVISIONER_NAME'] = 'isolate-provisioner'\n", false},
		{"another file", "notes.py", "c.KernelProvisionerFactory.default_provisioner_name = 'isolate-provisioner'\n", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			t.Setenv("HOME", dir)
			t.Setenv("JUPYTER_CONFIG_DIR", dir)
			t.Chdir(t.TempDir())
			if err := os.WriteFile(filepath.Join(dir, test.file), []byte(test.text), 0o644); err != nil {
				t.Fatal(err)
			}
			if found := provisioner(&kernelspec.Jupyter{}); (len(found) == 1) != test.found {
				t.Errorf("found %v", found)
			}
		})
	}
}
