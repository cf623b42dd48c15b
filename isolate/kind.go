package isolate

// A Kind classifies a failure, for callers that decide by it: whether to try again,
// or what to tell a person to do. It is empty if nothing more is known than the
// error's text says. Some kinds are about something other than the path that failed;
// the error's About names that.
type Kind string

// Why no sandbox can be made here: kinds of a SetupError.
const (
	KindNested           Kind = "already in a sandbox that forbids another"
	KindSettingZero      Kind = "a limit of namespaces is zero" // About: the sysctl
	KindSettingOff       Kind = "user namespaces are off"       // About: the sysctl
	KindAppArmor         Kind = "AppArmor restricts user namespaces"
	KindTooMany          Kind = "too many namespaces"
	KindFiltered         Kind = "a filter forbids system calls"                    // Where: the place
	KindConfined         Kind = "an AppArmor profile forbids namespaces or mounts" // Where: the place
	KindGVisor           Kind = "gVisor lacks what a sandbox needs"
	KindHostname         Kind = "the host name can't be set"
	KindNoProc           Kind = "no process file system is mounted"
	KindChroot           Kind = "namespaces are forbidden in a chroot"
	KindNoUserNamespaces Kind = "the kernel has no user namespaces"
	KindUnmappable       Kind = "the user can't be mapped"  // Where: the place
	KindProcHidden       Kind = "parts of /proc are hidden" // Where: the place
	KindOldKernel        Kind = "the kernel is too old"
	KindNoLandlock       Kind = "the kernel has no Landlock"
	KindRootStays        Kind = "the root can't be left"
	KindNoGroup          Kind = "a limit needs a control group"    // About: its name, or "" where it may be several
	KindNoLimit          Kind = "the kernel can't enforce a limit" // About: its name
	KindListener         Kind = "system calls can't be listened to"
	KindMemory           Kind = "the memory limit is too low"
	KindDescriptors      Kind = "too few files may be open"
	KindAddressSpace     Kind = "the limit of address space is too low"
)

// What is wrong with a policy: kinds of a SetupError.
const (
	KindEntry           Kind = "an entry can't be read"
	KindPlace           Kind = "not a place for a mount"
	KindMissing         Kind = "a source is missing"
	KindMissingSome     Kind = "several sources are missing"
	KindUnreadable      Kind = "a source can't be read"
	KindLoop            Kind = "links lead in a circle"
	KindDeadServer      Kind = "what serves a file system has ended" // About: where it is mounted
	KindHidden          Kind = "a source would show what must be hidden"
	KindProc            Kind = "a source is the machine's /proc"
	KindNoFiles         Kind = "a source holds no files"
	KindMachine         Kind = "a source is the machine's, to be read only"
	KindDevice          Kind = "a source is a device"                      // About: its path
	KindOwnDevice       Kind = "a source is a device that is there anyway" // About: the target
	KindAutomounter     Kind = "a source is an automounter's"
	KindClosed          Kind = "a directory that leads to a mask is closed" // About: the directory
	KindLinks           Kind = "a file that is protected has other names"
	KindMounting        Kind = "mounts come and go"
	KindChanged         Kind = "a source became a link meanwhile"
	KindVanished        Kind = "a source or a target vanished meanwhile"
	KindTarget          Kind = "a target can't be covered so"
	KindNoTarget        Kind = "a target doesn't exist" // About: the path outside to make
	KindCowFile         Kind = "copy-on-write of a file"
	KindCowMounts       Kind = "copy-on-write of a directory with mounts in it"
	KindCowSpace        Kind = "no space for copies"
	KindNoCowDir        Kind = "the directory for changes is missing"
	KindCowDirInside    Kind = "the directory for changes is inside"
	KindCowDirUsed      Kind = "the directory for changes has some"
	KindNoBaseDir       Kind = "the directory for the root is missing"
	KindBaseDirInside   Kind = "the directory for the root is inside"
	KindHome            Kind = "not a home directory"
	KindDirDeleted      Kind = "the working directory was deleted"
	KindDirTooLong      Kind = "the working directory's path is too long"
	KindDirHidden       Kind = "the working directory is not visible inside"
	KindDirClosed       Kind = "the working directory is closed"
	KindAllNetwork      Kind = "services are named where all are shared"
	KindNoHelper        Kind = "isolate-network is missing"
	KindNotDevice       Kind = "not a device that can be given"
	KindNoDevice        Kind = "a device is missing"
	KindForbiddenDevice Kind = "a device that nobody is given"
	KindClosedDevice    Kind = "a device may not be opened" // About: its group
	KindNoGPU           Kind = "no GPU is known"
	KindNoGPUNode       Kind = "a GPU's device is missing"
	KindGPUNumber       Kind = "a GPU's number means none"
	KindGPUSharedProc   Kind = "a GPU where /proc is shared"
	KindOthersDevice    Kind = "a device is for others"
	KindOwner           Kind = "a directory is another user's" // About: the user
)

// Why a program can't be executed: kinds of an ExecError.
const (
	KindNoProgram         Kind = "the program is nowhere"
	KindProgramHidden     Kind = "the program is not visible inside" // About: the path to show
	KindProgramLink       Kind = "the program is a link to nothing"  // About: what it says
	KindNotExecutable     Kind = "the program may not be executed"
	KindNotProgram        Kind = "the file is no program"
	KindCarriageReturn    Kind = "the first line ends as on Windows"
	KindInterpreterHidden Kind = "the interpreter is not visible inside" // About: its path
	KindNoInterpreter     Kind = "the interpreter does not exist"        // About: its path
)

// Why a program ended: kinds of an ExitError.
const (
	KindReached       Kind = "a limit that was set was reached"            // About: one of LimitNames
	KindDefault       Kind = "a default limit was reached"                 // About: one of LimitNames
	KindLibrary       Kind = "a library is not visible inside"             // About: the directory that has it
	KindLibrarySought Kind = "a library's directory is not visible inside" // About: the directory
)

// Why a program did not reach something outside: kinds of a Refusal.
const (
	KindNotAllowed   Kind = "a name is not allowed"          // About: the name, or the name and a port
	KindNotConnected Kind = "an address is not allowed"      // About: the address and the port
	KindNotPublic    Kind = "a name has no public address"   // About: the name and the port
	KindNoMoreNames  Kind = "too many names below wildcards" // About: the name
)
