// Package rehearse executes notebooks in a plain kernel and in its isolated twin,
// and says what differs.
//
// Each execution has a throw-away copy of the notebook's directory, laid out as it
// will lie when nbgrader grades it (place.go, copy.go). The cells are executed as
// nbclient does it (internal/execute), in the plain kernel twice if the twin's
// outputs differ at all, so that what differs from run to run isn't reported
// (normal.go, compare.go, points.go). What would help is put together last
// (needs.go).
package rehearse

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"isolate-namespace/internal/execute"
	"isolate-namespace/internal/frontend"
	"isolate-namespace/internal/kernelargv"
	"isolate-namespace/internal/notebook"
	"isolate-namespace/internal/remedy"
	"isolate-namespace/internal/scratch"
	"isolate-namespace/internal/verify"
	"isolate-namespace/isolate"
	"isolate-namespace/kernelspec"
)

// A Rehearsal rehearses notebooks with one twin. It is to be closed.
type Rehearsal struct {
	jupyter *kernelspec.Jupyter
	twin    *kernelspec.Twin
	base    *kernelspec.Kernel
	timeout time.Duration // of a cell
	say     func(doing string)
	dir     *scratch.Dir

	// deaf says why what the twin's kernels miss can't be found out, or is empty.
	deaf string
}

// New prepares a rehearsal with a twin that can start. A cell has timeout to end; 0
// is without end. say is called with what is being done.
func New(j *kernelspec.Jupyter, twin *kernelspec.Twin, timeout time.Duration, say func(doing string)) (*Rehearsal, error) {
	base, err := j.Base(twin)
	if err != nil {
		return nil, err
	}

	const pattern = "rehearse-*"
	dir, err := scratch.Make(j.DataDir, pattern)
	if err != nil {
		if dir, err = scratch.Make(os.TempDir(), pattern); err != nil {
			return nil, fmt.Errorf("make a directory for copies of notebooks: %w", err)
		}
	}
	r := &Rehearsal{jupyter: j, twin: twin, base: base, timeout: timeout, say: say, dir: dir}
	if err := os.Mkdir(filepath.Dir(r.connectionFile()), 0o700); err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

// Close removes what is left of the copies.
func (r *Rehearsal) Close() error { return r.dir.Remove() }

// connectionFile isn't in the directory that stands for /, which the twin sees.
func (r *Rehearsal) connectionFile() string {
	return filepath.Join(r.dir.Path, "connections/kernel.json")
}

// Deaf says why what the twin's kernels miss couldn't be found out, or is empty.
func (r *Rehearsal) Deaf() string { return r.deaf }

// reportFile is where the launcher reports.
func (r *Rehearsal) reportFile() string { return filepath.Join(r.dir.Path, "report.json") }

// Notebook rehearses one notebook. The error is that of ctx; every other one is in
// the report.
func (r *Rehearsal) Notebook(ctx context.Context, path string) (*Report, error) {
	// The kernels that are started here end with this thread.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	t := &trial{Rehearsal: r, ctx: ctx, report: &Report{Notebook: path, Cells: []Cell{}, Failing: []Cell{}}}
	err := t.rehearse(path)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err != nil {
		t.report.Verdict, t.report.Reason, t.report.Remedy = NotRehearsed, err.Error(), kernelspec.Remedy(err)
	}
	return t.report, nil
}

// A trial is the rehearsal of one notebook.
type trial struct {
	*Rehearsal
	ctx      context.Context
	notebook *notebook.Notebook
	stage    *stage
	report   *Report
}

func (t *trial) rehearse(path string) (err error) {
	if t.notebook, err = notebook.Read(path); err != nil {
		return err
	}
	if err := t.checkLanguage(); err != nil {
		return err
	}
	place, err := findPlace(path, t.notebook)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(t.notebook.Cells, func(c notebook.Cell) bool { return c.Executed() }) {
		t.report.Verdict = Same
		return nil
	}
	t.stage = &stage{filepath.Join(t.dir.Path, "root"), *place}

	first, err := t.plain()
	if err != nil {
		return err
	}
	twin, err := t.isolated()
	if err != nil {
		return err
	}
	if t.compare(twin, first, first); t.report.Verdict == Same {
		return nil
	}
	second, err := t.plain()
	if err != nil {
		return err
	}
	if t.compare(twin, first, second); t.report.Verdict == Differs {
		t.report.Missed = t.stage.narrow(twin.report.Missed)
	}
	return nil
}

// checkLanguage refuses a notebook of another language, of which every cell would be
// an error.
func (t *trial) checkLanguage() error {
	own, twin := t.notebook.Language, strings.ToLower(t.twin.Language)
	if own == "" || own == twin {
		return nil
	}
	return &kernelspec.Error{
		Reason: fmt.Sprintf("it is written in %s, and %s runs %s", own, t.twin.Name, twin),
		Remedy: remedy.RehearseLanguage(t.notebook.Kernel),
	}
}

// plain executes the notebook in the plain kernel.
func (t *trial) plain() (*outcome, error) {
	argv, err := t.jupyter.Command(t.base)
	if err != nil {
		return nil, err
	}
	if slices.Contains([]string{"python", "python2", "python3"}, t.base.Name) { // as nbclient does
		argv = append(argv, "--HistoryManager.hist_file=:memory:")
	}
	return t.execute("the plain kernel", argv, t.base.Spec)
}

// isolated executes the notebook in the twin's kernel, and listens to what it misses if
// that can be.
func (t *trial) isolated() (o *outcome, err error) {
	if t.deaf != "" {
		return t.execute(t.twin.Name, t.command(), t.twin.Spec)
	}
	if o, err = t.execute(t.twin.Name, t.command("--missed"), t.twin.Spec); err == nil || t.ctx.Err() != nil {
		return o, err
	}
	// A listener can't be had in every container.
	o, errDeaf := t.execute(t.twin.Name, t.command(), t.twin.Spec)
	if errDeaf != nil {
		return nil, errDeaf
	}
	t.deaf = err.Error()
	return o, nil
}

// command returns the twin's command with options more. Its kernel sees the stage as it
// would see the directories around the place.
func (t *trial) command(more ...string) []string {
	command := kernelargv.Parse(t.twin.Spec.Argv())
	root := isolate.FormatMounts([]isolate.Mount{isolate.ReadOnly(t.stage.root)})
	command.Options = append(slices.Clone(command.Options), kernelargv.New("--mount", root), kernelargv.New("--report", t.reportFile()))
	for _, name := range more {
		command.Options = append(command.Options, kernelargv.New(name, ""))
	}
	return command.Argv()
}

// An outcome is what came of one execution.
type outcome struct {
	*execute.Run
	report launcherReport // empty of the plain kernel
}

// execute executes the notebook in a kernel, on a stage that is set for it alone.
func (t *trial) execute(who string, argv []string, spec kernelspec.Spec) (o *outcome, err error) {
	t.say(fmt.Sprintf("%s: %s starts", t.report.Notebook, who))
	defer func() {
		if left := scratch.RemoveAll(t.stage.root); err == nil && left != nil {
			err = left
		}
	}()
	os.Remove(t.reportFile())
	if err := t.stage.set(); err != nil {
		return nil, err
	}

	p, err := frontend.NewProcess(t.ctx, argv, t.environ(spec), t.stage.work(), t.connectionFile())
	if err != nil {
		return nil, err
	}
	p.ByMessage = spec.InterruptsByMessage()
	p.Env = slices.DeleteFunc(p.Env, func(entry string) bool { return strings.HasPrefix(entry, "JPY_SESSION_NAME=") })
	if err := p.Start(); err != nil {
		err = verify.Explain(err, p, spec.Language())
		return nil, &kernelspec.Error{Reason: who + " doesn't start: " + err.Error(), Remedy: kernelspec.Remedy(err)}
	}

	run, err := execute.Cells(t.ctx, p, t.notebook, t.timeout, func(cell int) {
		t.say(fmt.Sprintf("%s: %s, cell %d of %d", t.report.Notebook, who, cell+1, len(t.notebook.Cells)))
	})
	if err == nil && run.Err == nil {
		p.End("shutdown_request", false)
	}
	p.Stop()
	if err != nil {
		return nil, err
	}
	return &outcome{run, readReport(t.reportFile())}, nil
}

// environ returns the variables that the spec sets, and that nbgrader does.
func (t *trial) environ(spec kernelspec.Spec) map[string]string {
	env := spec.Expanded()
	if t.stage.course {
		env["NBGRADER_EXECUTION"] = "autograde"
	}
	return env
}
