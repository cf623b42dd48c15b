package isolate

import (
	"slices"
	"strings"
)

// FilterEnv returns the entries of environ, NAME=VALUE each, that a program in
// a sandbox may have: locale, search paths, the settings of language runtimes
// and thread counts, and the names in allow. Everything else stays outside; a
// list of what is dangerous would always lack one name.
func FilterEnv(environ, allow []string) []string {
	var kept []string
	for _, entry := range environ {
		name, _, _ := strings.Cut(entry, "=")
		if slices.Contains(allow, name) || environAllows(name) {
			kept = append(kept, entry)
		}
	}
	return kept
}

// environAllows says whether a variable is known to matter to programs and to
// hold no secret. TMPDIR and the XDG directories are not among them: they name
// places of the host's.
func environAllows(name string) bool {
	switch name {
	case "PATH", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TERM", "COLORTERM", "NO_COLOR", "EDITOR", "PAGER",
		"VIRTUAL_ENV", "CONDA_PREFIX", "CONDA_DEFAULT_ENV", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES",
		"NBGRADER_EXECUTION", "NBGRADER_VALIDATING", "JUPYTER_ALLOW_INSECURE_WRITES", "MPLBACKEND",
		"JAVA_HOME", "JAVA_TOOL_OPTIONS", "CLASSPATH", "CARGO_HOME", "RUSTUP_HOME", "DENO_DIR", "NODE_PATH",
		"GOROOT", "GOPATH", "GOFLAGS", "GOCACHE", "GOMODCACHE", "SOURCE_DATE_EPOCH":
		return true
	case "PYTHONEXECUTABLE", "PYTHONSTARTUP", "PYTHONINSPECT", "JULIA_PKG_SERVER":
		return false
	}
	for _, prefix := range []string{"LC_", "PYTHON", "PYDEVD_", "OMP_", "MKL_", "OPENBLAS_", "NUMEXPR_", "BLIS_", "R_", "JULIA_"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// getenv is the value of name in environ; the last entry counts, as it does
// for the C library's putenv.
func getenv(environ []string, name string) (value string, found bool) {
	for _, entry := range environ {
		if n, v, ok := strings.Cut(entry, "="); ok && n == name {
			value, found = v, true
		}
	}
	return value, found
}
