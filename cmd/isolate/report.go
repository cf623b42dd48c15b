package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"isolate-namespace/isolate"
)

// A reportFile is where the report goes: opened before anything runs, since a
// program whose report can't be written has not been judged.
type reportFile struct {
	path string
	file *os.File
}

// openReport returns nil where no report is wanted.
func openReport(path string) (*reportFile, error) {
	if path == "" {
		return nil, nil
	}
	f, err := os.Create(path)
	if err != nil {
		return nil, &isolate.SetupError{Doing: "open the report", Path: path, Err: errors.Unwrap(err), Remedy: "name a file in a directory that you can write to"}
	}
	return &reportFile{path, f}, nil
}

// write puts a new file in the place of the one that was opened: the program
// may have written to that, or put another there, when it can write to the
// directory. A terminal, pipe or device is written to as it is.
func (r *reportFile) write(text []byte) error {
	if r == nil {
		return nil
	}
	defer r.file.Close()
	err := r.replace(text)
	if err != nil {
		return &isolate.SetupError{Doing: "write the report", Path: r.path, Err: err}
	}
	return nil
}

func (r *reportFile) replace(text []byte) error {
	if info, err := r.file.Stat(); err != nil || !info.Mode().IsRegular() {
		_, err := r.file.Write(text)
		return err
	}
	name := fmt.Sprintf("%s.%d", r.path, os.Getpid())
	fresh, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if errors.Is(err, fs.ErrPermission) { // then nobody could put another file there, either
		if err = r.file.Truncate(0); err == nil {
			_, err = r.file.WriteAt(text, 0)
		}
		return err
	}
	if err != nil {
		return err
	}
	_, err = fresh.Write(text)
	if err = errors.Join(err, fresh.Close()); err == nil {
		err = os.Rename(name, r.path)
	}
	if err != nil {
		os.Remove(name)
	}
	return err
}
