package parquet

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

// goldens are the files and the rows that pyarrow reads from them
// (.ci/oracle_parquet.py); ROUX_PARQUET names a folder of others.
func goldens(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(cmp.Or(os.Getenv("ROUX_PARQUET"), "testdata"), "*.parquet"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	return files
}

func load(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestGoldens: the rows are those that pyarrow reads.
func TestGoldens(t *testing.T) {
	for _, path := range goldens(t) {
		if strings.Contains(path, "refused_") {
			continue
		}
		d := json.NewDecoder(bytes.NewReader(load(t, strings.TrimSuffix(path, ".parquet")+".json")))
		d.UseNumber()
		var want []any
		if err := d.Decode(&want); err != nil {
			t.Fatal(err)
		}
		rows, err := Read(load(t, path), 1000, math.MaxInt64)
		if err != nil || len(rows) != len(want) {
			t.Errorf("%s: %d rows of %d, %v", path, len(rows), len(want), err)
			continue
		}
		for i, row := range rows {
			if d := differ(want[i], row); d != "" {
				t.Errorf("%s: row %d: %s", path, i+1, d)
				break
			}
		}
	}
}

// differ says where a value is not what JSON says.
func differ(want, got any) string {
	switch g := got.(type) {
	case map[string]any:
		w, ok := want.(map[string]any)
		if !ok || len(w) != len(g) {
			return fmt.Sprintf("want %v, got %v", want, got)
		}
		for name, v := range g {
			if d := differ(w[name], v); d != "" {
				return name + ": " + d
			}
		}
		return ""
	case []any:
		w, ok := want.([]any)
		if !ok || len(w) != len(g) {
			return fmt.Sprintf("want %v, got %v", want, got)
		}
		for i, v := range g {
			if d := differ(w[i], v); d != "" {
				return fmt.Sprintf("%d: %s", i, d)
			}
		}
		return ""
	}
	if !same(want, got) {
		return fmt.Sprintf("want %#v, got %#v", want, got)
	}
	return ""
}

func same(want, got any) bool {
	switch g := got.(type) {
	case string:
		return want == g || !utf8.ValidString(g) && want == "hex:"+hex.EncodeToString([]byte(g))
	case []byte:
		return want == "hex:"+hex.EncodeToString(g)
	case int64:
		return want == json.Number(strconv.FormatInt(g, 10))
	case uint64:
		return want == json.Number(strconv.FormatUint(g, 10))
	case float32:
		return same(want, float64(g))
	case float64:
		w, err := strconv.ParseFloat(fmt.Sprint(want), 64)
		return err == nil && (w == g || math.IsNaN(w) && math.IsNaN(g))
	}
	return want == got
}
