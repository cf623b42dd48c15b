package kernelspec

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// A record is what Install wrote and of what. It lies beside kernel.json, so
// that an update can tell a person's changes from its own.
type record struct {
	Base Spec `json:"base"` // the base's kernel.json
	Made Spec `json:"made"` // ours, as it is made without options

	// Ends is the command that the base's comes to, if it only leads there.
	Ends []string `json:"ends,omitempty"`
}

// recordName is no name that Jupyter or a front end takes an interest in.
const recordName = "isolate.json"

func readRecord(dir string) (*record, error) {
	data, err := os.ReadFile(filepath.Join(dir, recordName))
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
