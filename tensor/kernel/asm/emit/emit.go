// Package emit writes what a generator built: the assembly, the declarations
// for amd64, and for every other machine functions of the same names that are
// never called.
package emit

import (
	"bytes"
	"flag"
	"fmt"
	"go/format"
	"os"
	"path/filepath"
	"regexp"

	"github.com/mmcloughlin/avo/build"
)

// Files writes the functions built so far into dir: NAME_amd64.s,
// NAME_amd64.go and NAME_other.go of package pkg.
func Files(dir, pkg, name string) error {
	path := func(suffix string) string { return filepath.Join(dir, name+suffix) }
	for option, value := range map[string]string{"pkg": pkg, "out": path("_amd64.s"), "stubs": path("_amd64.go")} {
		if err := flag.Set(option, value); err != nil {
			return err
		}
	}
	os.Args = []string{"task", "gen"} // what the files say they were made by
	build.Generate()
	stubs, err := os.ReadFile(path("_amd64.go"))
	if err != nil {
		return err
	}
	text, err := format.Source(others(stubs))
	if err != nil {
		return err
	}
	return os.WriteFile(path("_other.go"), text, 0o644)
}

var declaration = regexp.MustCompile(`(?m)^func .*$`)

// others gives every declaration a body for machines without the assembly.
func others(stubs []byte) []byte {
	var b bytes.Buffer
	b.WriteString("//go:build !amd64\n\n")
	b.Write(bytes.ReplaceAll(stubs, []byte("//\n//go:noescape\n"), nil))
	text := bytes.ReplaceAll(b.Bytes(), []byte("//go:noescape\n"), nil)
	return declaration.ReplaceAllFunc(text, func(line []byte) []byte {
		return fmt.Appendf(nil, "%s { panic(\"this machine has no such instructions\") }", line)
	})
}
