package kernelspec

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// A twin in a layer below can be replaced where two names can't be exchanged either, and
// keeps its record and its spec if something in it can't be replaced.
func TestReplaceInLayers(t *testing.T) {
	const inside = "TEST_IN_LAYERS"
	if os.Getenv(inside) == "" {
		self, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		c := exec.Command("unshare", "--user", "--map-root-user", "--mount", self, "-test.run", "^TestReplaceInLayers$")
		c.Env = append(os.Environ(), inside+"=1", "TMPDIR="+t.TempDir())
		if out, err := c.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}

	top := t.TempDir()
	at := func(name string) string { return filepath.Join(top, name) }
	write := func(dir, text string) {
		for _, name := range []string{"kernel.json", recordName, "logo.svg"} {
			if err := os.MkdirAll(at(dir), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(at(dir), name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	expect := func(name, want string) {
		t.Helper()
		if text, err := os.ReadFile(at(name)); string(text) != want {
			t.Errorf("%s: %q, %v; want %q", name, text, err, want)
		}
	}
	mount := func(from, to, kind string, flags uintptr, options string) {
		if err := unix.Mount(from, to, kind, flags, options); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { unix.Unmount(to, unix.MNT_DETACH) })
	}
	write("image/twin", "old")
	write("volume", "volume")
	os.Mkdir(at("up"), 0o755)
	os.Mkdir(at("image/point"), 0o755)
	os.Mkdir(at("work"), 0o755)
	mount("overlay", at("image"), "overlay", 0, "userxattr,lowerdir="+at("image")+",upperdir="+at("up")+",workdir="+at("work"))

	write("image/aside/new", "new")
	if err := replaceInSteps(at("image/aside/new"), at("image/twin")); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"kernel.json", recordName, "logo.svg"} {
		expect("image/twin/"+name, "new")
	}

	// A kernel's own directory may be a mount point, which can't be replaced.
	mount(at("volume"), at("image/point"), "", unix.MS_BIND, "")
	write("image/aside/point", "new")
	for _, err := range []error{explainWrite(replace(at("image/aside/point"), at("image/point")), at("image")), removeDir(at("image/point"))} {
		if err == nil || !strings.Contains(err.Error(), "is a mount point") {
			t.Errorf("a mount point: %v", err)
		}
	}
	expect("image/point/kernel.json", "volume")

	mount(at("volume/logo.svg"), at("image/twin/logo.svg"), "", unix.MS_BIND, "")
	write("image/aside/newer", "newer")
	if err := replace(at("image/aside/newer"), at("image/twin")); err == nil {
		t.Error("a mount was replaced")
	}
	for _, name := range []string{"kernel.json", recordName} {
		expect("image/twin/"+name, "new")
	}
}
