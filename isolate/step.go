package isolate

// A step is what a call is for: errors say it, and their remedies depend on it.
type step int

// The steps of a sandbox, in the order in which they are taken as a rule.
const (
	stepCloseDescriptor step = iota
	stepBindToCaller
	stepEnterGroup
	stepHideGroup
	stepClearCommandLine
	stepDenySetgroups
	stepMapUser
	stepMapGroup
	stepStartSession
	stepSetHostname
	stepClearDomain
	stepVolunteer
	stepEmptyDumps
	stepRaiseLoopback
	stepPrivateMounts
	stepCompareMounts
	stepMakeFileSystem
	stepForbidNamespaces
	stepAssembleRoot
	stepMakeDirectory
	stepMakeFile
	stepMakeLink
	stepMountSource
	stepMountCopy
	stepMountAt
	stepMask
	stepEnterScratch
	stepKeepInPlace
	stepFreezeRoot
	stepLeaveRoot
	stepLeaveKeyring
	stepDropPrivileges
	stepMakeTerminal
	stepProgramSession
	stepOpenTerminal
	stepGiveTerminal
	stepSetDescriptors
	stepEnterDirectory
	stepSetUpProcess
	stepMakeRuleset
	stepAllowIn
	stepEnterRuleset
	stepLoadFilter
	stepSetLimit
	stepSetSysctl
)

// stepTexts begin error messages. What they are done to follows.
var stepTexts = [...]string{
	stepCloseDescriptor:  "close a descriptor",
	stepBindToCaller:     "bind init to its caller",
	stepEnterGroup:       "enter the control group",
	stepHideGroup:        "hide the control group",
	stepClearCommandLine: "clear init's command line",
	stepDenySetgroups:    "write",
	stepMapUser:          "write",
	stepMapGroup:         "write",
	stepStartSession:     "become a session of its own",
	stepSetHostname:      "set the host name",
	stepClearDomain:      "clear the domain name",
	stepVolunteer:        "write",
	stepEmptyDumps:       "write",
	stepRaiseLoopback:    "bring up the loopback interface",
	stepPrivateMounts:    "make a private mount namespace",
	stepCompareMounts:    "compare the mounts",
	stepMakeFileSystem:   "make a file system of kind",
	stepForbidNamespaces: "forbid user namespaces inside",
	stepAssembleRoot:     "assemble the new root on",
	stepMakeDirectory:    "make the directory",
	stepMakeFile:         "make",
	stepMakeLink:         "make the link",
	stepMountSource:      "mount",
	stepMountCopy:        "mount cow:",
	stepMountAt:          "mount at",
	stepMask:             "mask",
	stepEnterScratch:     "enter the private file system",
	stepKeepInPlace:      "keep in its place",
	stepFreezeRoot:       "make the root read-only",
	stepLeaveRoot:        "leave the old root",
	stepLeaveKeyring:     "leave the caller's keyring",
	stepDropPrivileges:   "drop privileges",
	stepMakeTerminal:     "make a terminal",
	stepProgramSession:   "give the program a session of its own",
	stepOpenTerminal:     "open the program's terminal",
	stepGiveTerminal:     "give the program the terminal",
	stepSetDescriptors:   "set up the program's descriptors",
	stepEnterDirectory:   "enter the working directory",
	stepSetUpProcess:     "set up the program's process",
	stepMakeRuleset:      "make a Landlock ruleset",
	stepAllowIn:          "allow in",
	stepEnterRuleset:     "enter the Landlock ruleset",
	stepLoadFilter:       "load the system-call filter",
	stepSetLimit:         "set a limit",
	stepSetSysctl:        "set",
}

func (s step) String() string { return stepTexts[s] }
