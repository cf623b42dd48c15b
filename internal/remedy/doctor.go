package remedy

import "os"

// What doctor says of this machine, in the order of its findings.
const (
	// NewerLinux is for a kernel that can't make a sandbox.
	NewerLinux = "use Linux 5.12 or later"
	// WithoutGVisor is for a container of gVisor.
	WithoutGVisor = "run the container without gVisor"
	// PrintRecipe is for an AppArmor profile that confines this process.
	PrintRecipe = "isolate-kernelspec doctor --container prints all that has to change"
	// InstallProfile is for AppArmor that withholds user namespaces from
	// programs without a profile.
	InstallProfile = "isolate-kernelspec doctor --apparmor | sudo tee /etc/apparmor.d/isolate && " +
		"sudo apparmor_parser -r /etc/apparmor.d/isolate"
	// BootLandlock is for a kernel without Landlock.
	BootLandlock = "boot with lsm=landlock,... (Linux 5.13 or later), or show directories with cow: or ro:"
	// LandlockScopes is for a Landlock without scopes.
	LandlockScopes = "use Linux 6.12 or later"
	// WithoutShareProc is for a twin that gives up more than it must.
	WithoutShareProc = "install it again without --share-proc"
	// SeccompFilter is for a kernel without filters of system calls.
	SeccompFilter = "use a kernel with CONFIG_SECCOMP_FILTER"
	// DumpToFile is for core dumps that go to a socket.
	DumpToFile = "sudo sysctl -w kernel.core_pattern=core"
	// UseOverlay is for a kernel without copies of directories.
	UseOverlay = "use a kernel with overlayfs, or ro: in place of cow:"
	// OverlayInMemory is for a memory file system that doesn't take overlayfs's
	// attributes.
	OverlayInMemory = "use Linux 6.6 or later, or isolate --cow-dir"
)

// MakeRoom is for a directory of temporary files that takes no more.
func MakeRoom() string { return "make room in " + os.TempDir() + ", or set TMPDIR" }

// SetProvisioner is for a setting of Jupyter's that not every program follows.
const SetProvisioner = "set JUPYTER_DEFAULT_PROVISIONER_NAME=isolate-provisioner in the environment instead"

// What doctor --apparmor says of the directory of the commands.
const (
	// InstallPlain is for one that AppArmor takes for a pattern.
	InstallPlain = "install the commands in a directory of letters and digits"
	// InstallAsRoot is for one that others than root can change.
	InstallAsRoot = "sudo scripts/install /usr/local avoids that"
)
