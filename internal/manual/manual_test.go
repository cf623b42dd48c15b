package manual

import (
	"os/exec"
	"strings"
	"testing"

	"isolate-namespace/internal/options"
)

// TestPagesAreClean has mandoc find fault with each page.
func TestPagesAreClean(t *testing.T) {
	if _, err := exec.LookPath("mandoc"); err != nil {
		t.Fatal("this test needs mandoc; sudo apt-get install mandoc, or run scripts/setup")
	}
	for _, name := range []string{"isolate", "isolate-kernel", "isolate-kernelspec", "isolate-network"} {
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

// A paragraph in braces stands for a table of options.
func TestOptionsOfAPage(t *testing.T) {
	page, err := Read("isolate")
	if err != nil {
		t.Fatal(err)
	}
	if want := len(options.Isolate()) + len(options.Bubblewrap()); len(page.Options) != want {
		t.Errorf("%d options, want %d", len(page.Options), want)
	}
	if first := page.Section("Options").Blocks[1]; first.Term != "`-m`, `--mount`, `--mnt` ENTRIES" {
		t.Errorf("the first option is %q", first.Term)
	}
	if strings.Contains(page.Man(), "{") {
		t.Error("a paragraph in braces is left")
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
