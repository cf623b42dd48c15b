package kernelspec

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestInstall(t *testing.T) {
	j, dir := jupyterWith(t, "base", plainSpec)
	os.WriteFile(filepath.Join(dir, "logo-64x64.png"), []byte("png"), 0o644)
	os.Symlink("logo-64x64.png", filepath.Join(dir, "logo-32x32.png"))
	os.Symlink("/no/where", filepath.Join(dir, "broken"))
	os.Symlink("/usr", filepath.Join(dir, "doc"))
	os.Mkdir(filepath.Join(dir, "sub"), 0o755)
	os.WriteFile(filepath.Join(dir, "sub/kernel.js"), []byte("js"), 0o644)
	base, err := j.Find("base")
	if err != nil {
		t.Fatal(err)
	}

	for range 2 { // the second time over the first
		result, err := Install(t.Context(), base, j, Options{Launcher: "/x"}, Place{})
		if err != nil || result.Name != "base-isolated" || result.Dir != dir+"-isolated" {
			t.Fatalf("%+v, %v", result, err)
		}
		installed := result.Dir
		var found []string
		filepath.Walk(installed, func(path string, info os.FileInfo, err error) error {
			if info.Mode().IsRegular() {
				found = append(found, strings.TrimPrefix(path, installed+"/"))
			}
			return err
		})
		want := []string{"isolate.json", "kernel.json", "logo-32x32.png", "logo-64x64.png", "sub/kernel.js"}
		if diff := cmp.Diff(want, found); diff != "" {
			t.Errorf("want - got +:\n%s", diff)
		}
		if left, _ := filepath.Glob(filepath.Join(filepath.Dir(dir), ".isolate-*")); left != nil {
			t.Errorf("left behind: %v", left)
		}
	}
}

func TestPlace(t *testing.T) {
	j, dir := jupyterWith(t, "base", plainSpec)
	kernels := filepath.Dir(dir)
	cases := []struct {
		name  string
		place Place
		base  string
		want  string
	}{
		{"next to the base", Place{}, dir, kernels},
		{"a base among packages", Place{}, "/usr/lib/python3/dist-packages/ipykernel/resources", j.DataDir + "/kernels"},
		{"a base that can't be written beside", Place{}, "/proc/kernels/base", j.DataDir + "/kernels"},
		{"the user's", Place{User: true}, dir, j.DataDir + "/kernels"},
		{"the environment's", Place{SysPrefix: true}, "/x", kernels},
		{"a prefix", Place{Prefix: "/opt/p"}, dir, "/opt/p/share/jupyter/kernels"},
	}
	for _, c := range cases {
		if got, err := c.place.dir(&Kernel{Dir: c.base}, j); got != c.want || err != nil {
			t.Errorf("%s: %s, %v; want %s", c.name, got, err, c.want)
		}
	}

	var e *Error
	if _, err := (Place{User: true, Prefix: "/x"}).dir(&Kernel{}, j); !errors.As(err, &e) {
		t.Errorf("two places: %v", err)
	}
}

// Installs at once each write a whole spec, and one of them stays.
func TestInstallsAtOnce(t *testing.T) {
	j, dir := jupyterWith(t, "base", plainSpec)
	os.WriteFile(filepath.Join(dir, "logo.svg"), []byte("logo"), 0o644)
	base, err := j.Find("base")
	if err != nil {
		t.Fatal(err)
	}

	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			for range 3 {
				if _, err := Install(t.Context(), base, j, Options{Launcher: "/x"}, Place{}); err != nil {
					t.Error(err)
				}
			}
		})
	}

	wait.Wait()
	if _, err := readSpec(filepath.Join(dir+"-isolated", "kernel.json")); err != nil {
		t.Error(err)
	}
	if logo, err := os.ReadFile(filepath.Join(dir+"-isolated", "logo.svg")); string(logo) != "logo" {
		t.Error(err)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(dir), ".isolate-*")); left != nil {
		t.Errorf("left behind: %v", left)
	}
}

func TestAnotherKernelIsNotReplaced(t *testing.T) {
	j, dir := jupyterWith(t, "base", plainSpec)
	other := filepath.Join(filepath.Dir(dir), "other")
	os.Mkdir(other, 0o755)
	os.WriteFile(filepath.Join(other, "kernel.json"), []byte(plainSpec), 0o644)
	base, err := j.Find("base")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Install(t.Context(), base, j, Options{Name: "other", Launcher: "/x"}, Place{}); err == nil || !strings.Contains(err.Error(), "another kernel") {
		t.Errorf("%v", err)
	}
	if text, _ := os.ReadFile(filepath.Join(other, "kernel.json")); string(text) != plainSpec {
		t.Error("it was changed")
	}
}
