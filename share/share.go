// Package share holds the data that the commands carry with them and that is
// of use without them too.
package share

import _ "embed"

// KernelSchema is the JSON Schema of kernel.json, as far as Jupyter reads it.
//
//go:embed kernel.schema.json
var KernelSchema string

// CommandsSchema is the JSON Schema of what isolate-kernelspec prints for
// programs.
//
//go:embed commands.schema.json
var CommandsSchema string

// AppArmorProfile lets the commands make user namespaces. @COMMANDS@ stands for
// the directory that they are in.
//
//go:embed apparmor-isolate
var AppArmorProfile string
