package kernelspec

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"isolate-namespace/internal/kernelargv"
)

// A twin that replaces another is told of what that one had and it hasn't.
func TestInstallSaysWhatItDrops(t *testing.T) {
	cases := []struct {
		name       string
		had, fresh Options
		byHand     func(Spec)
		want       string // "" for nothing
	}{
		{"nothing", Options{}, Options{}, func(Spec) {}, ""},
		{"the same", Options{Sandbox: sandbox("--mount ro:/usr --env A"), DisplayName: "Mine"},
			Options{Sandbox: sandbox("--mount ro:/usr --env A"), DisplayName: "Mine"}, func(Spec) {}, ""},
		{"another limit", Options{Sandbox: sandbox("--memory 500M")}, Options{Sandbox: sandbox("--memory=1G")}, func(Spec) {}, ""},
		{"options", Options{Sandbox: slices.Concat(sandbox("--network host"), kernelargv.Options{kernelargv.New("--mount", "ro:/usr /bin")}, sandbox("--env A=b --memory 500M --allow-symlinks")), DisplayName: "Mine"},
			Options{Sandbox: sandbox("--mount /bin")}, func(Spec) {},
			"--network host --mount 'ro:/usr /bin' --env A=b --memory 500M --allow-symlinks --display-name Mine"},
		{"changes by hand", Options{}, Options{}, func(s Spec) {
			env := s.object("env")
			env["MNTDIRS"], env["MNTDIRS_KERNEL"] = ". /bin", env["MNTDIRS_KERNEL"].(string)+" ro:/sbin"
			s["interrupt_mode"] = "message"
			s["argv"] = anySlice(append(s.Argv(), "--debug"))
		}, "MNTDIRS='. /bin' MNTDIRS_KERNEL=ro:/sbin its own command its own interrupt_mode"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			j, twin, _ := installed(t, c.had)
			c.byHand(twin.Spec)
			writeSpec(t, twin.Dir, twin.Spec)
			base, err := j.Find("base")
			if err != nil {
				t.Fatal(err)
			}
			c.fresh.Launcher = "/bin/true"
			result, err := Install(t.Context(), base, j, c.fresh, Place{})
			if err != nil {
				t.Fatal(err)
			}
			var want []string
			if c.want != "" {
				want = []string{"it had " + c.want + "; isolate-kernelspec update keeps them"}
			}
			if diff := cmp.Diff(want, result.Notes); diff != "" {
				t.Errorf("want - got +:\n%s", diff)
			}
		})
	}
}
