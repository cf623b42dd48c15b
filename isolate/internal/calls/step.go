package calls

// A Step is what a call is for. Errors say it, and remedies depend on it.
type Step int

// The steps of making a sandbox, in their usual order.
const (
	CloseDescriptor Step = iota
	BindToCaller
	EnterGroup
	HideGroup
	ClearCommandLine
	DenySetgroups
	MapUser
	MapGroup
	StartSession
	SetHostname
	ClearDomain
	Volunteer
	EmptyDumps
	MakeNamespaces
	RaiseLoopback
	MakeRoute
	MakeDoor
	HandOutDoors
	PrivateMounts
	CompareMounts
	MakeFileSystem
	ForbidNamespaces
	AssembleRoot
	MakeDirectory
	MakeFile
	MakeLink
	MountSource
	MountCopy
	CopyFile
	MountAt
	Mask
	EnterScratch
	KeepInPlace
	FreezeRoot
	LeaveRoot
	LeaveKeyring
	DropPrivileges
	MakeTerminal
	ProgramSession
	OpenTerminal
	GiveTerminal
	SetDescriptors
	EnterDirectory
	SetUpProcess
	MakeRuleset
	AllowIn
	EnterRuleset
	LoadFilter
	LoadListener
	SetLimit
	Try
	SetSysctl
)

// texts begin error messages; the path follows.
var texts = [...]string{
	CloseDescriptor:  "close a descriptor",
	BindToCaller:     "bind init to its caller",
	EnterGroup:       "enter the control group",
	HideGroup:        "hide the control group",
	ClearCommandLine: "clear init's command line",
	DenySetgroups:    "write",
	MapUser:          "write",
	MapGroup:         "write",
	StartSession:     "become a session of its own",
	SetHostname:      "set the host name",
	ClearDomain:      "clear the domain name",
	Volunteer:        "write",
	EmptyDumps:       "write",
	MakeNamespaces:   "make namespaces",
	RaiseLoopback:    "bring up the loopback interface",
	MakeRoute:        "make a route to the loopback interface",
	MakeDoor:         "listen inside for",
	HandOutDoors:     "hand out the sockets that listen inside",
	PrivateMounts:    "make a private mount namespace",
	CompareMounts:    "compare the mounts",
	MakeFileSystem:   "make a file system of kind",
	ForbidNamespaces: "forbid user namespaces inside",
	AssembleRoot:     "assemble the new root on",
	MakeDirectory:    "make the directory",
	MakeFile:         "make",
	MakeLink:         "make the link",
	MountSource:      "mount",
	MountCopy:        "mount cow:",
	CopyFile:         "copy for cow:",
	MountAt:          "mount at",
	Mask:             "mask",
	EnterScratch:     "enter the private file system",
	KeepInPlace:      "keep in its place",
	FreezeRoot:       "make the root read-only",
	LeaveRoot:        "leave the old root",
	LeaveKeyring:     "leave the caller's keyring",
	DropPrivileges:   "drop privileges",
	MakeTerminal:     "make a terminal",
	ProgramSession:   "give the program a session of its own",
	OpenTerminal:     "open the program's terminal",
	GiveTerminal:     "give the program the terminal",
	SetDescriptors:   "set up the program's descriptors",
	EnterDirectory:   "enter the working directory",
	SetUpProcess:     "set up the program's process",
	MakeRuleset:      "make a Landlock ruleset",
	AllowIn:          "allow in",
	EnterRuleset:     "enter the Landlock ruleset",
	LoadFilter:       "load the system-call filter",
	LoadListener:     "listen for system calls",
	SetLimit:         "set a limit",
	Try:              "try",
	SetSysctl:        "set",
}

func (s Step) String() string { return texts[s] }

// Of returns the note of a call on path, which may be "".
func (s Step) Of(path string) Note { return Note{s, path} }
