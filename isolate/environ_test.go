package isolate

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFilterEnv(t *testing.T) {
	in := []string{
		"PATH=/bin", "LC_ALL=C.UTF-8", "PYTHONPATH=/x", "OMP_NUM_THREADS=2", "NBGRADER_EXECUTION=autograde",
		"JUPYTERHUB_API_TOKEN=secret", "AWS_SECRET_ACCESS_KEY=secret", "SSH_AUTH_SOCK=/run/agent", "TMPDIR=/host", "XDG_RUNTIME_DIR=/run/user/1",
		"PYTHONEXECUTABLE=/x", "http_proxy=http://user:pw@x", "MINE=1", "MINE_TOO=1",
	}
	want := []string{"PATH=/bin", "LC_ALL=C.UTF-8", "PYTHONPATH=/x", "OMP_NUM_THREADS=2", "NBGRADER_EXECUTION=autograde", "MINE=1"}
	if diff := cmp.Diff(want, FilterEnv(in, []string{"MINE"})); diff != "" {
		t.Errorf("want - got +:\n%s", diff)
	}
}

// What begins like a name that is let in, holds one, or is nearly one, stays
// outside. The control: it is let in by its name.
func TestFilterEnvKeepsNeighboursOut(t *testing.T) {
	out := []string{
		"PYTHONANYWHERE_API_TOKEN", "PYTHON_KEYRING_PASSWORD", "PYTHON_KEYRING_BACKEND", "PYTHONPATH_TOKEN", "PYTHON_HISTORY", "PYTHON_PRESITE",
		"PYTHON", "PYTHON_", "PYTHONSTARTUP", "PYTHONINSPECT", "PYTHONEXECUTABLE", "PYTHONDUMPREFSFILE", "PYDEVD_DEBUG_FILE", "PYDEVD_SECRET",
		"LC_SECRET", "LC_", "LC_ALL_PASSWORD", "lc_all", "LC_TELEPHONE_NUMBER", "LD_PRELOAD", "LD_AUDIT",
		"OMP_SECRET", "OMP_TOOL_LIBRARIES", "MKL_LICENSE_KEY", "MKL_SECRET", "OPENBLAS_TOKEN", "NUMEXPR_TOKEN", "BLIS_TOKEN",
		"R_TOKEN", "R_API_KEY", "R_SECRET", "R_REMOTES_GITHUB_PAT", "R_GITHUB_PAT", "GITHUB_PAT", "R_HISTFILE", "R_",
		"JULIA_REGISTRY_TOKEN", "JULIA_PKG_SERVER", "JULIA_PKG_TOKEN", "JULIA_HISTORY", "JULIA_", "JAVA_TOOL_OPTIONS", "GOFLAGS", "GOAUTH",
		"NBGRADER_TOKEN", "JUPYTER_TOKEN", "CUDA_TOKEN", "CONDA_TOKEN", "PATH ", " PATH", "",
	}
	for _, name := range out {
		entry := []string{name + "=secret"}
		if kept := FilterEnv(entry, nil); kept != nil {
			t.Errorf("%q is let in", name)
		}
		if kept := FilterEnv(entry, []string{name}); !slices.Equal(kept, entry) {
			t.Errorf("%q isn't let in by its name", name)
		}
	}
}

// The names are real ones: programs of this machine say which they know.
func TestFilterEnvKnowsRealNames(t *testing.T) {
	for _, c := range []struct {
		say     []string // prints names, each at the beginning of a line
		begin   string
		without []string
	}{
		{[]string{"/usr/bin/python3", "--help-env"}, "PYTHON", []string{"PYTHONSTARTUP", "PYTHONINSPECT", "PYTHONEXECUTABLE", "PYTHON_HISTORY", "PYTHON_PRESITE"}},
		{[]string{"locale"}, "L", nil},
	} {
		text, err := exec.Command(c.say[0], c.say[1:]...).Output()
		if err != nil {
			t.Fatalf("%q: %v", c.say, err)
		}
		known := 0
		for line := range strings.Lines(string(text)) {
			end := strings.IndexFunc(line, func(r rune) bool { return (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_' })
			name := line[:max(end, 0)]
			if !strings.HasPrefix(name, c.begin) || slices.Contains(c.without, name) {
				continue
			}
			known++
			if FilterEnv([]string{name + "="}, nil) == nil {
				t.Errorf("%s is not let in, and %s knows it", name, c.say[0])
			}
		}
		if known < 10 {
			t.Errorf("%q says %d names", c.say, known)
		}
	}
}

// What people set for notebooks and scripts comes in.
func TestFilterEnvLetsSettingsIn(t *testing.T) {
	for _, name := range []string{
		"PYTHONPATH", "PYTHONHASHSEED", "PYTHONNOUSERSITE", "PYTHONUNBUFFERED", "PYTHON_GIL", "PYTHON_CPU_COUNT", "PYDEVD_DISABLE_FILE_VALIDATION",
		"OMP_NUM_THREADS", "MKL_NUM_THREADS", "MKL_THREADING_LAYER", "OPENBLAS_NUM_THREADS", "OPENBLAS_CORETYPE", "NUMEXPR_MAX_THREADS", "BLIS_NUM_THREADS",
		"R_HOME", "R_LIBS", "R_LIBS_USER", "R_LIBS_SITE", "R_PROFILE_USER", "R_ENVIRON_USER", "R_MAX_VSIZE", "R_DATATABLE_NUM_THREADS",
		"JULIA_NUM_THREADS", "JULIA_PROJECT", "JULIA_DEPOT_PATH", "JULIA_LOAD_PATH", "JULIA_CONDAPKG_BACKEND",
		"LC_ALL", "LANG", "TZ", "TERM", "LD_LIBRARY_PATH", "VIRTUAL_ENV", "CONDA_PREFIX", "JAVA_HOME", "CLASSPATH", "CUDA_VISIBLE_DEVICES",
	} {
		if FilterEnv([]string{name + "=1"}, nil) == nil {
			t.Errorf("%s stays outside", name)
		}
	}
}
