package modeldir

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rouxml/roux/tensor"
)

// tree writes files below a new folder.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestCode: the Python files of the folders that auto_map names ride along, and
// their folders with them; no others do.
func TestCode(t *testing.T) {
	dir := tree(t, map[string]string{
		"config.json":           `{"auto_map": {"AutoConfig": "code/configuration_x.XConfig", "AutoModel": "owner/name--far/modeling.X", "AutoModelForCausalLM": "../up/modeling.X"}}`,
		"tokenizer_config.json": `{"auto_map": {"AutoTokenizer": ["tok/slow.Slow", null]}}`,
		"modeling.py":           "m", "code/configuration_x.py": "c", "code/parts/norm.py": "n", "code/weights.bin": "w", "code/__pycache__/x.pyc": "p",
		"tok/slow.py": "s", "far/modeling.py": "f", "scripts/train.py": "t",
	})
	files, err := riders(dir)
	if err != nil {
		t.Fatal(err)
	}
	out, names := t.TempDir(), []string{}
	for _, f := range files {
		names = append(names, f.Name)
		if err := carry(out, f); err != nil {
			t.Error(err)
		}
	}
	want := []string{"modeling.py", "tokenizer_config.json", "code/configuration_x.py", "code/parts/norm.py", "tok/slow.py"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Error(diff)
	}
	if text, err := os.ReadFile(filepath.Join(out, "code", "parts", "norm.py")); err != nil || string(text) != "n" {
		t.Errorf("%q, %v", text, err)
	}
}

// TestCodeLinkedOut: neither a linked file nor a linked folder brings code of
// elsewhere into an output.
func TestCodeLinkedOut(t *testing.T) {
	away := tree(t, map[string]string{"secret.py": "s"})
	named := map[string]string{"config.json": `{"auto_map": {"AutoModel": "code/x.X"}}`, "code/y.py": "y"}
	dir := tree(t, named)
	if err := os.Symlink(filepath.Join(away, "secret.py"), filepath.Join(dir, "code", "x.py")); err != nil {
		t.Fatal(err)
	}
	if _, err := riders(dir); err == nil || !strings.Contains(err.Error(), "outside of the model directory") {
		t.Errorf("a linked file: %v", err)
	}
	delete(named, "code/y.py")
	dir = tree(t, named)
	if err := os.Symlink(away, filepath.Join(dir, "code")); err != nil {
		t.Fatal(err)
	}
	files, err := riders(dir)
	if diff := cmp.Diff([]tensor.File(nil), files); err != nil || diff != "" {
		t.Errorf("a linked folder: %v %s", err, diff)
	}
}

// FuzzAutoMap: whatever an auto_map says, no folder outside of the model's is
// looked into.
func FuzzAutoMap(f *testing.F) {
	for _, s := range []string{"code/x.X", "../x.X", "/etc/x.X", "a--b/x.X", ".git/x.X", "a/../../x.X", "a\\..\\x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, class string) {
		if folder, ok := folderOf(class); ok && (!filepath.IsLocal(folder) || filepath.Base(folder) != folder || folder == ".") {
			t.Errorf("%q names the folder %q", class, folder)
		}
	})
}
