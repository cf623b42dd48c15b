package kernelspec

import (
	"os"
	"testing"
)

// What another user wrote, or can write, isn't taken for an answer.
func TestMemoOfAnotherUser(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	m := newMemo(&Kernel{Name: "k", Dir: "/k", Spec: Spec{}}, Options{Launcher: "/bin/isolate-kernel"})
	m.keep(&Start{Argv: []string{"/bin/isolate-kernel"}}, nil)
	if m.recall() == nil {
		t.Fatal("the control: its own answer isn't known")
	}

	if err := os.Chmod(m.path, 0o666); err != nil {
		t.Fatal(err)
	}
	if m.recall() != nil {
		t.Error("a file that others can write is believed")
	}
	if os.Geteuid() != 0 {
		return // only root can give files away
	}
	if err := os.Chmod(m.path, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(m.path, 4242, 4242); err != nil {
		t.Fatal(err)
	}
	if m.recall() != nil {
		t.Error("another user's file is believed")
	}
}
