package remedy

import "isolate-namespace/isolate"

// Kinds of failures of the commands' own.
const (
	KindOptions          isolate.Kind = "the options can't be read"
	KindReport           isolate.Kind = "the report can't be written"
	KindReportChanged    isolate.Kind = "the report was changed"
	KindOtherProgram     isolate.Kind = "another program would run"
	KindNoConnectionFile isolate.Kind = "the kernel's command names no connection file"
	KindConnectionFile   isolate.Kind = "the connection file can't be used"
	KindRegistration     isolate.Kind = "the connection file is a registration file"
	KindPortTaken        isolate.Kind = "another program listens on a port"
	KindAddress          isolate.Kind = "there is no listening on an address"
	KindNotebooks        isolate.Kind = "too many notebooks to protect"
	KindOtherKernels     isolate.Kind = "a source has other kernels' connection files"
	// The program that starts kernels puts connection files into its working
	// directory, as MultiKernelManager of jupyter_client does by default.
	KindOwnConnectionFile isolate.Kind = "the connection file lies in the working directory"
)

// A row has what to do about one kind of failure: all that is true of every
// command, or else what is of each. In them {about} stands for what the kind is
// about, {quoted} for that as a shell reads it, {path} for the path, as a shell
// reads it, {entry} for the entry that shows what the kind is about, {group} for the
// way to a control group, and {change} for what has to change in the place.
type row struct{ all, isolate, kernel, kernelspec string }

// table has the remedies of failures that have a kind.
func table() map[isolate.Kind]row {
	const (
		below  = "work in a directory below it, or name the directories that the program needs in MNTDIRS"
		read   = "isolate-kernelspec list says what it lacks; update shows it"
		elseAt = "name another place for it"
		empty  = "name an empty directory elsewhere"
	)
	return map[isolate.Kind]row{
		isolate.KindNested:           {all: "start the outer one with --allow-userns, if it is isolate"},
		isolate.KindSettingZero:      {all: "sudo sysctl -w {about}=15000"},
		isolate.KindSettingOff:       {all: "sudo sysctl -w {about}=1"},
		isolate.KindAppArmor:         {all: "install the profile that isolate-kernelspec doctor --apparmor prints, or: sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"},
		isolate.KindTooMany:          {all: "raise user.max_user_namespaces and its neighbours (sysctl user)"},
		isolate.KindFiltered:         {all: "{change}"},
		isolate.KindConfined:         {all: "{change}"},
		isolate.KindGVisor:           {all: WithoutGVisor},
		isolate.KindHostname:         {all: "leave --hostname out"},
		isolate.KindNoProc:           {all: "mount one: sudo mount -t proc proc /proc"},
		isolate.KindChroot:           {all: "run it outside of the chroot"},
		isolate.KindNoUserNamespaces: {all: "use a kernel with CONFIG_USER_NS"},
		isolate.KindUnmappable:       {all: "{change}"},
		isolate.KindProcHidden:       {all: "{change}"},
		isolate.KindOldKernel:        {all: NewerLinux},
		isolate.KindNoLandlock:       {all: "mount it as cow: or ro:, or accept links there with --allow-symlinks"},
		isolate.KindRootStays:        {all: "on a machine that runs from its initial RAM disk, boot from a real root"},
		isolate.KindNoGroup:          {all: "{group}, or leave the limit out"},
		isolate.KindNoLimit:          {all: "leave the limit out"},
		isolate.KindMemory:           {all: "raise --memory"},
		isolate.KindListener:         {all: "leave --missed out, or run it where nothing else listens"},
		isolate.KindDescriptors:      {all: "let more be open where it is started: ulimit -n 1024"},
		isolate.KindAddressSpace:     {all: "lift the limit where it is started: ulimit -v unlimited; --memory limits what is used"},

		isolate.KindEntry:           {all: `write [ro:|try:|cow:]PATH, TARGET=SOURCE or PATH=none, with \ before a space in a path`},
		isolate.KindPlace:           {all: "name the directories that the program needs, each by its absolute path"},
		isolate.KindMissing:         {all: "remove it from the mounts, or write try: before it"},
		isolate.KindMissingSome:     {all: `remove them from the mounts, or write try: before them, or \ before a space or = in a path`},
		isolate.KindUnreadable:      {all: "it must be readable for the user who starts the sandbox"},
		isolate.KindLoop:            {all: "remove the link that leads to itself, or name another path"},
		isolate.KindDeadServer:      {all: "mount it again, after umount {quoted} or fusermount -u {quoted}"},
		isolate.KindHidden:          {all: below},
		isolate.KindProc:            {all: "the sandbox has a /proc of its own; remove it from the mounts"},
		isolate.KindNoFiles:         {all: "remove it from the mounts"},
		isolate.KindMachine:         {all: "write ro: before it"},
		isolate.KindDevice:          {all: "remove it from the mounts, and write --device {quoted}"},
		isolate.KindOwnDevice:       {all: "it is there anyway, at its own place; to hide a file, write {quoted}=none"},
		isolate.KindAutomounter:     {all: "name a directory below it that is mounted"},
		isolate.KindClosed:          {all: "chmod u+x {quoted}"},
		isolate.KindLinks:           {all: "cp {path} {path}.new && mv {path}.new {path}"},
		isolate.KindMounting:        {all: "try again when nothing is being mounted"},
		isolate.KindTarget:          {all: elseAt},
		isolate.KindNoTarget:        {all: "make {about} first, or mount it at another place"},
		isolate.KindCowFile:         {all: "write cow: before the directory that holds the file"},
		isolate.KindCowMounts:       {all: "name directories without one, each with cow:, or mount it ro:"},
		isolate.KindCowSpace:        {all: "free space in the directory for changes, or name another one with --cow-dir"},
		isolate.KindNoCowDir:        {all: "make it first"},
		isolate.KindCowDirInside:    {all: "name a directory outside of it"},
		isolate.KindCowDirUsed:      {all: "name an empty directory, or remove them"},
		isolate.KindNoBaseDir:       {all: "make it first, or unset NI_BASEDIR"},
		isolate.KindBaseDirInside:   {all: empty},
		isolate.KindHome:            {all: "set HOME to the directory that the program should take for its home"},
		isolate.KindDirDeleted:      {isolate: "change to one that exists", kernel: "start the kernel in a directory that exists"},
		isolate.KindDirTooLong:      {all: "work in a directory with a shorter path"},
		isolate.KindDirHidden:       {all: "name it, or a directory above it, among the mounts"},
		isolate.KindDirClosed:       {all: "work in a directory that you may enter"},
		isolate.KindAllNetwork:      {all: "name services, or --network host, and not both"},
		isolate.KindNoHelper:        {all: "install it beside isolate and isolate-kernel, as scripts/install does"},
		isolate.KindNotDevice:       {all: "name a character device below /dev"},
		isolate.KindNoDevice:        {all: "load its driver first, or leave it out"},
		isolate.KindForbiddenDevice: {all: "leave it out: no sandbox gets it"},
		isolate.KindClosedDevice:    {all: "join the group, and log in again: sudo usermod -aG {quoted} \"$USER\""},
		isolate.KindNoGPU:           {all: "load its driver, or leave --gpu out"},
		isolate.KindNoGPUNode:       {all: "make it, once: sudo nvidia-modprobe -u -c 0"},
		isolate.KindGPUNumber:       {all: "write --gpu, which is all of them, or other numbers"},
		isolate.KindGPUSharedProc:   {all: "leave --share-proc out, where the place lets a sandbox have a /proc of its own"},
		isolate.KindOthersDevice:    {all: "have an administrator give it to a group that you are in"},
		isolate.KindOwner:           {all: "run it as that user: sudo -u {about}"},

		isolate.KindNoProgram:      {all: "it is not outside either: check its name, or install it"},
		isolate.KindProgramHidden:  {all: "add {entry} to --mount or MNTDIRS", kernel: read},
		isolate.KindNotExecutable:  {all: "it is not executable: chmod +x {path}"},
		isolate.KindCarriageReturn: {all: `its first line ends with a carriage return, as on Windows: sed -i 's/\r$//' {path}`},
		isolate.KindLibrary:        {all: "add {entry} to --mount or MNTDIRS", kernel: read},
		isolate.KindDefault:        {all: "--{about} none lifts it"},

		isolate.KindNotAllowed:   {all: "--allow-host {about} allows it"},
		isolate.KindNotConnected: {all: "--connect {about} allows it"},
		isolate.KindNotPublic:    {all: "--connect {about} allows it"},
		isolate.KindNoMoreNames:  {all: "--allow-host {about} allows it"},

		KindOptions: {isolate: "isolate --help lists them", kernel: "isolate-kernel --help lists them",
			kernelspec: "isolate-kernelspec install --help lists them"},
		KindOtherProgram:     {all: "name its directory as a mount, or the program that you mean by its path"},
		KindReportChanged:    {all: "name a file where the program can't write"},
		KindReport:           {all: "name a file in a directory that you can write to"},
		KindNoConnectionFile: {kernel: "the argv of kernel.json needs {connection_file} once"},
		KindConnectionFile:   {kernel: "start the kernel through Jupyter, which writes the file"},
		KindRegistration:     {kernel: "set kernel_protocol_version to 5.4 in kernel.json"},
		KindPortTaken:        {kernel: "start the kernel again: Jupyter picks other ports"},
		KindAddress:          {kernel: "check the ip in Jupyter's settings (KernelManager.ip)"},
		KindNotebooks:        {kernel: "work in a directory with fewer, or give their protection up with --writable-notebooks"},
		KindOtherKernels: {kernel: "put the notebook into a directory of its own, and name no directory in which Jupyter keeps connection files",
			kernelspec: "name no directory in which Jupyter keeps connection files"},
		KindOwnConnectionFile: {kernel: "have the program that starts the kernel put them elsewhere, as by " +
			"MultiKernelManager(connection_dir=jupyter_core.paths.jupyter_runtime_dir()), or start the kernel in another directory"},
	}
}
