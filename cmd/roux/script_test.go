package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/rouxml/roux/recipes"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"roux": func() { os.Exit(Main(os.Args[1:], os.Stdout, os.Stderr)) }})
}

// TestScripts runs testdata/script: each file opens with a sentence that
// states the behaviour.
func TestScripts(t *testing.T) {
	models, err := filepath.Abs("../../testdata/models")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{Dir: "../../testdata/script", Setup: func(e *testscript.Env) error {
		e.Setenv("MODELS", models)
		e.Setenv("ROUX_CACHE", filepath.Join(e.WorkDir, ".cache"))
		e.Setenv("ROUX_CHECK_MEMORY", "1")
		return os.Symlink(filepath.Dir(models), filepath.Join(e.WorkDir, "testdata"))
	}})
}

// TestShippedRecipesRun runs every recipe that comes with roux, as the README
// does: from the project's folder.
func TestShippedRecipesRun(t *testing.T) {
	names := recipes.Shipped()
	if len(names) < 8 {
		t.Errorf("only %d recipes come with roux", len(names))
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			t.Setenv("ROUX_CHECK_MEMORY", "1")
			if err := os.Symlink(filepath.Join(root, "testdata"), filepath.Join(dir, "testdata")); err != nil {
				t.Fatal(err)
			}
			t.Chdir(dir)
			var stdout, stderr bytes.Buffer
			args := []string{"run", filepath.Join(root, "recipes", name+".yaml"), "--cache", filepath.Join(dir, "cache")}
			if code := Main(args, &stdout, &stderr); code != 0 {
				t.Fatalf("exit %d\n%s%s", code, stdout.String(), stderr.String())
			}
			stdout.Reset()
			if code := Main(args, &stdout, &stderr); code != 0 || !strings.Contains(stdout.String(), " 0 blocks computed") {
				t.Errorf("a second run is not all cache hits: exit %d\n%s", code, stdout.String())
			}
		})
	}
}
