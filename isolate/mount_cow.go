package isolate

import "isolate-namespace/isolate/internal/calls"

// workPrefix begins the names of the directories in Policy.CowDir that the
// kernel prepares changes in.
const workPrefix = ".isolate-work-"

// overlay shows a directory of the host whose changes go elsewhere, to the scratch
// file system or to the policy's CowDir
// (Documentation/filesystems/overlayfs.rst; in a user namespace since Linux
// 5.11).
func (b *builder) overlay(n *node) {
	what := calls.MountCopy.Of(n.source)
	// The kernel takes the layers by paths from the working directory, which is
	// scratch. Each layer gets a name of ours there, so that it doesn't matter what
	// the host's paths contain, or whether they change.
	name := b.newName()
	b.mkdir(b.scratch, name, 0o700)
	b.layer(what, n.source, name+"/lower")
	upper, work := name+"/upper", name+"/work"
	if b.policy.CowDir != "" {
		kept := name + "/kept"
		b.layer(what, b.policy.CowDir, kept)
		upper, work = kept+n.target, kept+"/"+workPrefix+name
	}

	mode := n.host.mode & 0o777
	if len(n.copies) > 0 {
		mode = n.copies[0].mode
	}
	for _, dir := range []string{upper, work} {
		for i := range dir {
			if dir[i] == '/' {
				b.mkdir(b.scratch, dir[:i], 0o700)
			}
		}
		b.mkdir(b.scratch, dir, mode)
	}

	b.copyForeign(n, name+"/lower", upper)
	mount := b.newFS("overlay", plain, "source", "cow",
		"lowerdir", name+"/lower", "upperdir", upper, "workdir", work, "userxattr", "")
	b.prepare(n)
	b.attachNode(n, mount)
	b.Close(mount)
}

// layer mounts a directory of the host at a name in the scratch file system, and so
// leaves with it when the old root is left.
func (b *builder) layer(what calls.Note, source, name string) {
	mount := b.clone(what, source, 0)
	b.mkdir(b.scratch, name, 0o700)
	b.attach(mount, scratchName+"/"+name)
	b.Close(mount)
}
