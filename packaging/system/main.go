// System makes the packages of a system's own package manager: deb, rpm and apk.
// scripts/release runs it, after it has put the files to be packed below STAGE.
//
//	system VERSION ARCHITECTURE STAGE DIR
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/goreleaser/nfpm/v2"
	_ "github.com/goreleaser/nfpm/v2/apk"
	_ "github.com/goreleaser/nfpm/v2/deb"
	_ "github.com/goreleaser/nfpm/v2/rpm"
)

func main() {
	if len(os.Args) != 5 {
		fmt.Fprintln(os.Stderr, "usage: system VERSION ARCHITECTURE STAGE DIR")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2], os.Args[3], os.Args[4]); err != nil {
		fmt.Fprintln(os.Stderr, "system:", err)
		os.Exit(1)
	}
}

func run(version, architecture, stage, dir string) error {
	variables := map[string]string{"VERSION": version, "ARCHITECTURE": architecture, "STAGE": stage}
	config, err := nfpm.ParseFileWithEnvMapping("nfpm.yaml", func(name string) string { return variables[name] })
	if err != nil {
		return fmt.Errorf("read nfpm.yaml: %w", err)
	}
	for _, format := range []string{"deb", "rpm", "apk"} {
		if err := pack(config, format, dir); err != nil {
			return fmt.Errorf("make the %s of %s: %w", format, architecture, err)
		}
	}
	return nil
}

// pack writes the package of one format into dir, under the name that is usual
// for the format.
func pack(config nfpm.Config, format, dir string) error {
	packager, err := nfpm.Get(format)
	if err != nil {
		return err
	}
	info, err := config.Get(format)
	if err != nil {
		return err
	}
	info = nfpm.WithDefaults(info)
	if err := nfpm.PrepareForPackager(info, format); err != nil {
		return err
	}
	f, err := os.Create(filepath.Join(dir, packager.ConventionalFileName(info)))
	if err != nil {
		return err
	}
	if err := packager.Package(info, f); err != nil {
		return err
	}
	return f.Close()
}
