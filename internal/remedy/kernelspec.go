package remedy

import (
	"fmt"
	"path/filepath"
	"strings"

	"isolate-namespace/internal/text"
)

// What isolate-kernelspec says of its command line.
const (
	// ListCommands is for words that it doesn't know.
	ListCommands = "isolate-kernelspec --help lists what there is"
	// OnlyOptions is for what the provisioner is given besides options.
	OnlyOptions = "put nothing but options of isolate-kernel into spec_options"

	// InstallCommands is for isolate-kernelspec without isolate-kernel beside it.
	InstallCommands = "install isolate, isolate-kernel and isolate-kernelspec again, into one directory"
	// NameKernels is for install without a name.
	NameKernels = "name some, or use --all; jupyter kernelspec list has them"
	// NameTwins is for update without a name.
	NameTwins = "name some, or use --all; isolate-kernelspec list has them"
	// NameTwin is for show and remove without a name.
	NameTwin = "name a twin; isolate-kernelspec list has them"
	// NameKernel is for verify without a name.
	NameKernel = "name one; jupyter kernelspec list has them"
	// ChooseOne is for names together with --all.
	ChooseOne = "choose one"
	// InstallOneByOne is for an option of one kernel, and several kernels.
	InstallOneByOne = "install them one by one"
	// UseNoBraces is for an option with a brace in its value.
	UseNoBraces = "use a name without braces"
	// ChoosePlace is for more than one place to install to.
	ChoosePlace = "choose one of --user, --sys-prefix and --prefix"
)

// What helps to find a kernel.
const (
	// ActivateJupyter is for a Jupyter that isn't there, or doesn't answer.
	ActivateJupyter = "activate the environment that Jupyter is installed in"
	// WriteName is for what can't be a kernel's name.
	WriteName = "a name has letters, digits, dots, dashes and underscores"
	// NameSpecDir is for a directory without the kernel.
	NameSpecDir = "name the directory that has its kernel.json"
	// ListTwins is for a kernel that isn't a twin.
	ListTwins = "isolate-kernelspec list names the twins"
	// MakeTwin is for a machine without a twin.
	MakeTwin = "isolate-kernelspec install NAME makes one"
	// NoTwin is MakeTwin for who named a twin.
	NoTwin = "there is none; " + MakeTwin
	// InstallKernelAgain is for a kernel whose kernel.json can't be read, or
	// whose program can't be executed.
	InstallKernelAgain = "install that kernel again"
)

// NamesThereAre is for a name that is like none of those that there are.
func NamesThereAre(names []string) string { return "there are: " + strings.Join(names, ", ") }

// DidYouMean is for a name that is like one of those that there are.
func DidYouMean(nearest string, names []string) string {
	return fmt.Sprintf("did you mean %s? There are: %s", nearest, strings.Join(names, ", "))
}

// What helps to make a twin of a kernel.
const (
	// NameBase is for a twin of a twin.
	NameBase = "name the kernel that it was made from"
	// NameLocalKernel is for a kernel that runs elsewhere, or in a container.
	NameLocalKernel = "name a kernel that is a command on this machine"
	// InstallProgram is for a kernel's program that isn't in PATH.
	InstallProgram = "install it, or activate its environment"
	// MendArgv is for placeholders that front ends would replace wrongly.
	MendArgv = "mend the argv of the base's kernel.json"
	// RunInterpreter is for an interpreter that gives no answer.
	RunInterpreter = "see that the interpreter runs"
	// AddMounts is for a program that can't be asked what it reads.
	AddMounts = "add more with --mount 'ro:DIR'"
)

// KeepDebugger is for a kernel whose debugger can't be left out.
const KeepDebugger = "leave out --no-debugger, which is for Python's debugpy"

// SayNoDebugger is for a kernelspec, in a directory, that has no twin and whose
// debugger is left out.
func SayNoDebugger(dir string) string {
	return "set metadata.debugger to false in " + filepath.Join(dir, "kernel.json")
}

// InstallModule is for a Python that doesn't find a module.
func InstallModule(python, module string) string {
	if module == "ipykernel_launcher" {
		module = "ipykernel"
	}
	return text.Quote(python) + " -m pip install " + module
}

// Compile is for a directory of Python's modules without bytecode. Not everybody can
// write to it.
func Compile(python, dir string, writable bool) string {
	command := text.Quote(python) + " -m compileall -q " + text.Quote(dir)
	if !writable {
		command = "as its owner: " + command
	}
	return command + " compiles them once; uv does so itself with UV_COMPILE_BYTECODE=1"
}

// ShowPrivate is for a kernel's command that reads files which only their owner
// can read.
func ShowPrivate(paths []string) string { return mountOption(paths) + " shows it" }

// NameWhatRuns is for a twin that doesn't start: its command, in a kernel.json,
// comes to these words, and reads these private files.
func NameWhatRuns(file string, words, private []string) string {
	var quoted []string
	for _, word := range words {
		quoted = append(quoted, text.Quote(word))
	}
	name := fmt.Sprintf("let the argv in %s name what it comes to: %s", file, strings.Join(quoted, " "))
	if len(private) > 0 {
		return mountOption(private) + " shows what only you can read; or " + name
	}
	return name
}

// mountOption returns the option that shows paths, as a shell reads it.
func mountOption(paths []string) string { return "--mount " + entry(paths...) }

// What helps to write a twin.
const (
	// RenameTwin is for a twin with the name of its base.
	RenameTwin = "give it another --name"
	// NamePrefix is for the place of a Jupyter that isn't there.
	NamePrefix = "activate its environment, or name a place with --prefix"
	// RenameNewTwin is for a twin with the name of another kernel.
	RenameNewTwin = "give the new one another --name"
	// UpdateKeeps is for options that the twin had before.
	UpdateKeeps = "isolate-kernelspec update keeps them"
	// InstallForUser is for a place that can't be written to.
	InstallForUser = "perhaps you want --user?"
	// MakeSpace is for a full file system.
	MakeSpace = "make some; what was there before is kept"
	// Unmount is for a directory that something is mounted on.
	Unmount = "unmount it, and mount the kernels' directory as a whole where it is to be kept"
	// ChooseFrom is for several kernels with the name of the base.
	ChooseFrom = "--from chooses"
)

// What helps to put a twin in the place of its base.
const (
	// LeaveOutPlace is for a place that is searched after another.
	LeaveOutPlace = "leave the place out, and one that is found first is chosen"
	// InstallAsOwner is for a kernel in a place that can't be written to.
	InstallAsOwner = "run this as the user whose directory it is, such as root"
	// ChooseDefaultPlace is for a kernel's directory that is a link.
	ChooseDefaultPlace = "choose another place with --user, --sys-prefix or --prefix"
)

// InstallDefault is for a default twin in whose place Jupyter finds a plain kernel.
func InstallDefault(name string) string {
	return "isolate-kernelspec install " + name + " --default makes one that is found first"
}

// RemoveFirst is for a twin that Jupyter finds after another of its name.
func RemoveFirst(name string) string { return "isolate-kernelspec remove " + name + " removes that" }

// UpdateTwin is for a twin that an update mends.
func UpdateTwin(name string) string { return "isolate-kernelspec update " + name }

// UpdateShows is for a module that a kernel doesn't find, and its Python does.
const UpdateShows = "isolate-kernelspec update shows the kernel what its interpreter reads now"

// MakeSource is for a twin that mounts what isn't there, by its kernel.json.
func MakeSource(file string) string { return "make it, or take it out of " + file }

// AddEntries is for mounts that a person took out of a twin's kernel.json.
func AddEntries(entries, file string) string {
	return fmt.Sprintf("add %s to MNTDIRS_KERNEL in %s", entries, file)
}

// InstallOtherBase is for a twin whose base's name has become another kernel's.
func InstallOtherBase(base string) string {
	return "isolate-kernelspec install " + base + " makes a twin of the former"
}

// InstallBaseOrRemove is for a twin whose base is gone.
func InstallBaseOrRemove(base, twin string) string {
	return "install " + base + " again, or isolate-kernelspec remove " + twin
}

// InstallBaseAndUpdate is for a twin that doesn't start, and nor does its base.
func InstallBaseAndUpdate(base, twin string) string {
	return "install " + base + " again, then " + UpdateTwin(twin) + "; or isolate-kernelspec remove " + twin
}

// What helps to rehearse a notebook.
const (
	// NameNotebook is for what is no notebook, or has none.
	NameNotebook = "name notebooks, or a directory of them such as source/ps1"
	// WriteTime is for what isn't a time.
	WriteTime = "a time is 90, 90s, 1h30m or none"
	// RehearseSource is for a student's notebook.
	RehearseSource = "rehearse the assignment's own, in source"
	// RehearseLess is for a notebook beside which too much lies.
	RehearseLess = "keep large data elsewhere, and show it with --mount"
)

// Rehearse is for a course in which nobody knows yet what a twin lacks.
func Rehearse(twin, assignment string) string {
	return "isolate-kernelspec rehearse " + twin + " " + text.Quote(assignment) + " says what its notebooks lack in the twin"
}

// RehearseLanguage is for a notebook of another language than the twin's. It asks for
// the kernel of this name, which may be empty.
func RehearseLanguage(kernel string) string {
	if kernel == "" {
		return "rehearse it with a twin of its own kernel"
	}
	return "rehearse it with a twin of " + kernel
}

// What helps a kernel that is tried, or runs.
const (
	// SeeWhatItSays is for a kernel that runs and doesn't answer.
	SeeWhatItSays = "see what it says when Jupyter starts it"
	// LookForCause is for a kernel that doesn't start, for a reason not known.
	LookForCause = "isolate-kernelspec doctor looks for the cause"
	// RaiseLimit is for a kernel that reached a limit, in its notebook.
	RaiseLimit = "use less, or raise the limit in the kernel's kernel.json"
	// ConnectAsUser is for a connection to a kernel's ports that was refused.
	ConnectAsUser = "connect as the user who runs the kernel, or as root"
)
