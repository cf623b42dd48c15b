package kernelspec

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"

	"isolate-namespace/internal/pathname"
	"isolate-namespace/internal/regular"
	"isolate-namespace/internal/remedy"
	"isolate-namespace/isolate"
)

// State says whether a twin can start a kernel, and still fits what it was made
// from.
type State string

// States, worst last. The last seven start no kernel; with PlainFirst another starts,
// which isn't isolated. OtherBase, DebuggerShown, NeedsMore,
// LibraryMissing, ModuleMissing, InterpreterHidden and InterpreterBroken are found
// by Inspect alone.
const (
	OK                State = "ok"
	OtherBase         State = "another base"
	DebuggerShown     State = "debugger shown" // of a twin that is to have none
	NeedsMore         State = "needs more"
	BaseChanged       State = "base changed"
	BaseGone          State = "base gone"
	AnotherLauncher   State = "another launcher" // it may isolate less, or nothing
	PlainFirst        State = "plain kernel first"
	MountMissing      State = "mount missing"
	LibraryMissing    State = "library missing"
	ModuleMissing     State = "module missing"
	InterpreterHidden State = "interpreter hidden"
	InterpreterBroken State = "interpreter broken"
	InterpreterGone   State = "interpreter gone"
	LauncherGone      State = "launcher gone"
)

// Starts reports whether a kernel starts in this state.
func (s State) Starts() bool {
	return slices.Contains([]State{OK, OtherBase, DebuggerShown, NeedsMore, BaseChanged, BaseGone, AnotherLauncher}, s)
}

// state returns what can be said of a twin without asking its interpreter.
func (j *Jupyter) state(t *Twin) (state State, faults []string) {
	kernel := t.Spec.Command().Kernel
	switch {
	case !regular.Executable(t.Launcher()):
		return LauncherGone, nil
	case !j.isLauncher(t.Launcher()):
		return AnotherLauncher, []string{t.Launcher()}
	case len(kernel) > 0 && filepath.IsAbs(kernel[0]) && !regular.Executable(kernel[0]):
		return InterpreterGone, nil
	}
	if missing := missingSources(t.Spec); len(missing) > 0 {
		return MountMissing, missing
	}

	base, err := j.Base(t)
	if err != nil {
		return BaseGone, nil
	}
	made, err := readRecord(t.Dir)
	if err != nil {
		return OK, nil // of a version that kept none
	}
	if !reflect.DeepEqual(base.Spec, made.Base) || !sameResources(base.Dir, t.Dir) {
		return BaseChanged, nil
	}
	return OK, nil
}

// isLauncher reports whether a program is the launcher beside this command, or a copy
// of it. Anybody can name another one isolate-kernel.
func (j *Jupyter) isLauncher(program string) bool {
	if program == j.launcher {
		return true
	}
	own, err := regular.Open(j.launcher)
	if err != nil {
		return false
	}
	defer own.Close()
	other, err := regular.Open(program)
	if err != nil {
		return false
	}
	defer other.Close()
	return regular.Same(own, other)
}

// Inspect asks the interpreters of twins whether they run, and what they read
// now, and sets the twins' states.
func (j *Jupyter) Inspect(twins ...*Twin) {
	var wait sync.WaitGroup
	for _, t := range twins {
		wait.Go(func() { j.inspect(t) })
	}
	wait.Wait()
}

func (j *Jupyter) inspect(t *Twin) {
	if t.State == AnotherLauncher { // somebody else's, perhaps
		return
	}
	if kernel := t.Spec.Command().Kernel; !t.State.Starts() || len(kernel) == 0 || !filepath.IsAbs(kernel[0]) {
		return
	}

	if program := t.Spec.Command().Kernel[0]; !t.sees(program) {
		t.State, t.Faults = InterpreterHidden, []string{program}
		return
	}
	if missing := t.missingLibraries(); len(missing) > 0 {
		t.State, t.Faults = LibraryMissing, missing
		return
	}
	if module, err := missingModule(t.Spec.Command().Kernel, t.Language, t.Spec.environ()); err == nil && module != "" {
		t.State, t.Faults = ModuleMissing, []string{module}
		return
	}
	unseen, err := t.unseen()
	if err != nil {
		t.State, t.Faults = InterpreterBroken, []string{err.Error()}
		return
	}
	if t.State == OK && len(unseen) > 0 {
		t.State, t.Faults = NeedsMore, unseen
	}
	if t.State == OK && t.NoDebugger {
		if shown := t.shownDebugger(); shown != nil {
			t.State, t.Faults = DebuggerShown, shown
		}
	}
	if other := j.otherProgram(t); other != "" {
		if t.State == OK {
			t.State = OtherBase
		}
		t.Faults = append(t.Faults, fmt.Sprintf("%s runs %s here, and this twin %s", t.Base, other, t.Spec.Command().Kernel[0]))
	}
}

// Explain puts a twin's state into words: what is amiss, and what helps.
func (j *Jupyter) Explain(t *Twin) (detail, remedy string) {
	detail = string(t.State)
	if len(t.Faults) > 0 {
		detail += ": " + strings.Join(t.Faults, ", ")
	}
	return detail, j.remedy(t)
}

// remedy returns what helps a twin whose state isn't OK.
func (j *Jupyter) remedy(t *Twin) string {
	switch t.State {
	case OK:
		return ""
	case MountMissing:
		return remedy.MakeSource(filepath.Join(t.Dir, "kernel.json"))
	case ModuleMissing:
		return remedy.InstallModule(t.Spec.Command().Kernel[0], t.Faults[0])
	case PlainFirst:
		if t.Faults[0] != t.Dir {
			return remedy.InstallDefault(t.Name)
		}
	case OtherBase:
		return remedy.InstallOtherBase(t.Base)
	case InterpreterHidden, LibraryMissing:
		// An update keeps what a person took out.
		if entries := t.takenOut(t.Faults); entries != "" {
			return remedy.AddEntries(entries, filepath.Join(t.Dir, "kernel.json"))
		}
	}

	base, err := j.Base(t)
	if err == nil && !t.State.Starts() {
		_, err = resolve(base, j)
	}
	switch {
	case err != nil && t.State.Starts():
		return remedy.InstallBaseOrRemove(t.Base, t.Name)
	case err != nil, t.State == InterpreterBroken:
		return remedy.InstallBaseAndUpdate(t.Base, t.Name)
	}
	return remedy.UpdateTwin(t.Name)
}

// takenOut returns the entries of MNTDIRS_KERNEL, as they were made, that would
// show paths, and that a person took out.
func (t *Twin) takenOut(paths []string) string {
	made, err := readRecord(t.Dir)
	if err != nil {
		return ""
	}
	var taken []isolate.Mount
	for _, m := range mounts(made.Made) {
		if slices.ContainsFunc(paths, func(path string) bool { return filepath.IsAbs(m.Source) && pathname.Within(path, m.Source) }) {
			taken = append(taken, m)
		}
	}
	return isolate.FormatMounts(taken)
}

// missingLibraries are files that the twin's program is linked with and that its
// kernels don't see.
func (t *Twin) missingLibraries() []string {
	linker := newLinker()
	linker.visible = func(path string) bool { return t.sees(path) }
	environ := libraryPath(t.Spec.environ())
	program := t.Spec.Command().Kernel[0]
	linker.add(program, environ)
	if interpreter := scriptInterpreter(program); interpreter != "" {
		linker.add(interpreter, environ)
	}
	return linker.missing
}

// unseen returns the paths that the twin's interpreter reads now and that its
// kernels don't see, but for those that a person took out by hand. The error is
// that of asking it. Programs that can't be asked have none.
func (t *Twin) unseen() (paths []string, err error) {
	program, before := t.Spec.Command().Kernel[0], []string(nil)
	if made, err := readRecord(t.Dir); err == nil {
		before = shownBy(made.Made)
		if len(made.Ends) > 0 {
			program = made.Ends[0]
		}
	}
	asked, known, err := askMake(program, t.Language, t.Spec.environ())
	if err != nil || !known {
		return nil, err
	}

	n := need{paths: asked}
	n.settle()
	for _, path := range n.paths {
		takenOut := slices.ContainsFunc(before, func(tree string) bool { return pathname.Within(path, tree) })
		if !takenOut && !t.sees(path) {
			paths = append(paths, path)
		}
	}
	return paths, nil
}

// sees reports whether the twin's kernels see a path, wherever they are started.
func (t *Twin) sees(path string) bool {
	return slices.ContainsFunc(shownBy(t.Spec), func(tree string) bool { return pathname.Within(path, tree) }) || shownByBase(path)
}

// otherProgram returns the program that the twin's base would run now, if Jupyter
// started it, and "" if that is the twin's own: another environment may be
// active than when the twin was made. A command that a person changed is meant.
func (j *Jupyter) otherProgram(t *Twin) string {
	own := t.Spec.Command().Kernel
	if made, err := readRecord(t.Dir); err == nil {
		if kernel := made.Made.Command().Kernel; len(kernel) == 0 || kernel[0] != own[0] {
			return ""
		}
	}
	base, err := j.plain(t.Base)
	if err != nil || base == nil {
		return ""
	}
	argv, err := resolve(base, j)
	if err != nil || sameProgram(argv[0], own[0]) {
		return ""
	}
	return argv[0]
}

// sameProgram reports whether two paths are the same program in the same
// environment: an environment of Python has links to a Python of others.
func sameProgram(a, b string) bool {
	realDir := func(path string) string {
		dir, err := filepath.EvalSymlinks(filepath.Dir(path))
		if err != nil {
			return path
		}
		return dir
	}
	infoA, errA := os.Stat(a)
	infoB, errB := os.Stat(b)
	return a == b || errA == nil && errB == nil && os.SameFile(infoA, infoB) && realDir(a) == realDir(b)
}
