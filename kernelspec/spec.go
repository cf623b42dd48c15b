// Package kernelspec makes isolated twins of installed Jupyter kernels.
//
// Jupyter.Find looks up a kernel as Jupyter does. Install turns it into the spec
// of a kernel that runs in a sandbox: the same command behind isolate-kernel, and
// the directories that its interpreter needs, found by asking that interpreter
// (interpreter.go), in its environment where a person can read and edit them.
// It writes that to disk with the resources of the base.
package kernelspec

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v5"

	"isolate-namespace/internal/kernelargv"
	"isolate-namespace/internal/regular"
	"isolate-namespace/share"
)

// A Spec is the content of a kernel.json, with all keys that it has.
type Spec map[string]any

// maxSize is far more than any kernel.json has, in bytes.
const maxSize = 1 << 20

// readSpec reads and validates the kernel.json at path.
func readSpec(path string) (Spec, error) {
	data, err := regular.Read(path, maxSize)
	if err != nil {
		return nil, &fs.PathError{Op: "read", Path: path, Err: err}
	}
	spec, err := parseSpec(data)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return spec, nil
}

// parseSpec decodes and validates a kernel.json.
func parseSpec(data []byte) (Spec, error) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber() // keys that aren't ours keep their values to the digit
	var spec Spec
	if err := decoder.Decode(&spec); err != nil {
		return nil, fmt.Errorf("not JSON: %w", err)
	}
	if decoder.More() {
		return nil, errors.New("not JSON: more than one value")
	}
	return spec, spec.Validate()
}

// Validate holds the spec against the JSON Schema of share.
func (s Spec) Validate() error {
	// A name that is not a URL is taken to be in the working directory, whose
	// own name may be none (100% done).
	schema, err := jsonschema.CompileString("file:///kernel.schema.json", share.KernelSchema)
	if err != nil {
		return err
	}
	err = schema.Validate(map[string]any(s))
	var invalid *jsonschema.ValidationError
	if errors.As(err, &invalid) {
		for len(invalid.Causes) > 0 {
			invalid = invalid.Causes[0]
		}
		return fmt.Errorf("%s: %s", orTop(strings.TrimPrefix(invalid.InstanceLocation, "/")), invalid.Message)
	}
	return err
}

func orTop(location string) string {
	if location == "" {
		return "kernel.json"
	}
	return location
}

// Marshal returns the spec as a file, indented as Jupyter's own are.
func (s Spec) Marshal() ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", " ")
	err := encoder.Encode(s)
	return b.Bytes(), err
}

// Argv returns the kernel's command, with Jupyter's placeholders in it.
func (s Spec) Argv() []string {
	list, _ := s["argv"].([]any)
	argv := make([]string, len(list))
	for i, arg := range list {
		argv[i], _ = arg.(string)
	}
	return argv
}

// Command returns the kernel's command taken apart, if it is isolated.
func (s Spec) Command() kernelargv.Command { return kernelargv.Parse(s.Argv()) }

// Language returns the language's name, as the kernel's author wrote it.
func (s Spec) Language() string { return s.text("language") }

// InterruptsByMessage reports whether front ends interrupt the kernel by a message, in
// place of a signal.
func (s Spec) InterruptsByMessage() bool {
	return strings.EqualFold(s.text("interrupt_mode"), "message")
}

// Env returns what the spec adds to the kernel's environment, as it is written there.
func (s Spec) Env() map[string]string {
	env := map[string]string{}
	values, _ := s["env"].(map[string]any)
	for name, value := range values {
		env[name], _ = value.(string)
	}
	return env
}

// variable is a reference in a value of a spec's env (Python's string.Template).
var variable = regexp.MustCompile(`\$(\$|[A-Za-z_][A-Za-z0-9_]*|\{[A-Za-z_][A-Za-z0-9_]*\})`)

// Expanded is Env as Jupyter hands it to the kernel: each $NAME and ${NAME} of
// our own environment is replaced by its value, an unknown one stays, and $$ is
// one dollar sign (KernelProvisionerBase.pre_launch).
func (s Spec) Expanded() map[string]string {
	env := s.Env()
	for name, value := range env {
		env[name] = variable.ReplaceAllStringFunc(value, func(reference string) string {
			if reference == "$$" {
				return "$"
			}
			if value, set := os.LookupEnv(strings.Trim(reference, "${}")); set {
				return value
			}
			return reference
		})
	}
	return env
}

// environ returns the environment that Jupyter would start the kernel in: ours, with
// the spec's.
func (s Spec) environ() []string {
	environ := os.Environ()
	for name, value := range s.Expanded() {
		environ = append(environ, name+"="+value)
	}
	return environ
}

// text returns the string at key, or "".
func (s Spec) text(key string) string {
	value, _ := s[key].(string)
	return value
}

// object returns the object at key, made when it isn't there.
func (s Spec) object(key string) map[string]any {
	value, ok := s[key].(map[string]any)
	if !ok {
		value = map[string]any{}
		s[key] = value
	}
	return value
}

// clone returns a deep copy.
func (s Spec) clone() (Spec, error) {
	data, err := s.Marshal()
	if err != nil {
		return nil, err
	}
	return parseSpec(data)
}
