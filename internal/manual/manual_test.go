package manual

import (
	"os/exec"
	"strings"
	"testing"
)

// TestPagesAreClean has mandoc find fault with each page.
func TestPagesAreClean(t *testing.T) {
	if _, err := exec.LookPath("mandoc"); err != nil {
		t.Fatal("this test needs mandoc; sudo apt-get install mandoc, or run scripts/setup")
	}
	for _, name := range []string{"isolate", "isolate-kernel", "isolate-kernelspec"} {
		page, err := Read(name)
		if err != nil {
			t.Fatal(err)
		}
		lint := exec.Command("mandoc", "-T", "lint")
		lint.Stdin = strings.NewReader(page.Man())
		if out, err := lint.CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}

func TestOption(t *testing.T) {
	o := option("`-m`, `--mount` ENTRIES MORE", "What the\nprogram sees.")
	if strings.Join(o.Names, " ") != "-m --mount" || strings.Join(o.Values, " ") != "ENTRIES MORE" || o.Help != "What the program sees." {
		t.Errorf("%+v", o)
	}
}

func TestRoff(t *testing.T) {
	p := Page{Name: "x-y", Summary: "it's", Sections: []Section{{Title: "S", Blocks: []Block{
		{Text: "One. `--two` three\\."},
		{Text: ".code\n'code", Code: true},
	}}}}
	const want = ".SH S\nOne.\n\\fB\\-\\-two\\fR three\\e.\n.PP\n.RS 4\n.nf\n\\&.code\n\\(aqcode\n.fi\n.RE\n"
	if got := p.Man(); !strings.HasSuffix(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
}

func TestSourceWithTextInNoSection(t *testing.T) {
	p := &Page{Summary: "a summary"}
	if err := p.add("text"); err == nil {
		t.Error("it was taken")
	}
}
