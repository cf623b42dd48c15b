package kernelspec

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"

	"isolate-namespace/internal/regular"
)

// A record holds what Install wrote, and the base that it was made from. It lies
// beside kernel.json, so that an update can distinguish a person's changes from its
// own.
type record struct {
	Base Spec `json:"base"` // the base's kernel.json
	Made Spec `json:"made"` // the twin's kernel.json as it is made without options

	// Ends is the command that the base's comes to, if it only leads there.
	Ends []string `json:"ends,omitempty"`

	// Of a default twin: the name of the plain kernel beside it, and the twin's
	// kernel.json as it was last written, for the case that another is installed over
	// it.
	Plain string `json:"plain,omitempty"`
	Twin  Spec   `json:"twin,omitempty"`
}

func (r *record) marshal() ([]byte, error) {
	data, err := json.MarshalIndent(r, "", " ")
	return append(data, '\n'), err
}

// recordName is a name that neither Jupyter nor front ends look at.
const recordName = "isolate.json"

// maxRecordSize is enough for three kernel.json and a command, in bytes.
const maxRecordSize = 4 * maxSize

func readRecord(dir string) (*record, error) {
	data, err := regular.Read(filepath.Join(dir, recordName), maxRecordSize)
	if err != nil {
		return nil, err
	}
	var r record
	decoder := json.NewDecoder(strings.NewReader(string(data)))
	decoder.UseNumber()
	if err := decoder.Decode(&r); err != nil {
		return nil, fmt.Errorf("read %s: %w", filepath.Join(dir, recordName), err)
	}
	return &r, nil
}
