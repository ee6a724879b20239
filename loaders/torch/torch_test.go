package torch

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rouxml/roux/loaders/loadertest"
	"github.com/rouxml/roux/tensor"
	"github.com/rouxml/roux/tensor/codec"
)

// golden is what torch reads from a file: its make.py asked it.
type golden map[string]struct {
	DType  string
	Shape  []int
	Values []float64
}

// TestGoldens: every tensor has the dtype, shape and values that torch reads,
// whatever its strides, the file's form and what stands around it.
func TestGoldens(t *testing.T) {
	text, err := os.ReadFile("../../testdata/torch/values.json")
	if err != nil {
		t.Fatal(err)
	}
	var files map[string]golden
	if err := json.Unmarshal(text, &files); err != nil {
		t.Fatal(err)
	}
	if len(files) < 10 {
		t.Fatalf("only %d files", len(files))
	}
	for name, want := range files {
		t.Run(name, func(t *testing.T) {
			f, err := Open(filepath.Join("../../testdata/torch", name))
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			loadertest.Contract(t, f)
			if len(f.Infos()) != len(want) {
				t.Errorf("%d tensors, want %d", len(f.Infos()), len(want))
			}
			for _, info := range f.Infos() {
				w := want[info.Name]
				if info.DType.Torch() != w.DType || !info.Shape.Equal(w.Shape) {
					t.Errorf("%s: %v %v, want %s %v", info.Name, info.DType, info.Shape, w.DType, w.Shape)
				}
				for i, v := range valuesOf(t, f, info) {
					if float64(v) != w.Values[i] {
						t.Errorf("%s[%d] = %v, want %v", info.Name, i, v, w.Values[i])
					}
				}
			}
		})
	}
}

func valuesOf(t *testing.T, f *File, info tensor.Info) []float32 {
	t.Helper()
	x, _ := f.Tensor(info.Name)
	raw := make([]byte, info.Bytes())
	if n, err := x.ReadAt(raw, 0); n < len(raw) {
		t.Fatal(err)
	}
	v := make([]float32, info.Shape.Numel())
	if err := codec.ToF32(v, raw, info.DType); err != nil {
		t.Fatal(err)
	}
	return v
}

// TestSame: tied weights are known by their storage, other views of it are not
// the same.
func TestSame(t *testing.T) {
	f, err := Open("../../testdata/torch/views.pt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if !Same(f, "whole", "tied") || Same(f, "whole", "transposed") || Same(f, "whole", "row") || Same(f, "whole", "nobody") {
		t.Error("tied weights are not told from others")
	}
}

// TestRefused: what is no state dict of plain tensors is an error that says
// what it found and what to do, and nothing of the file is run.
func TestRefused(t *testing.T) {
	for name, want := range map[string]string{
		"model.bad":     `import "torch.nn.modules.linear.Linear", which is no part of plain tensors: the file holds a whole program's object; save model.state_dict()`,
		"extra.bad":     `2 of its 3 entries are no tensors: "epoch" holds the number 3; "name" holds the text "x": save the tensors alone`,
		"list.bad":      "it holds a list of 1, and no dictionary of tensors",
		"sparse.bad":    "sparse tensors cannot be read: call to_dense()",
		"complex.bad":   `import "torch.ComplexFloatStorage"`,
		"quantized.bad": "call dequantize()",
		"script.bad":    "TorchScript program, which holds code",
		"evil.bad":      `byte 190 of the pickle: it wants to import "posix.system", which is no part of plain tensors: roux runs no code of a file`,
	} {
		_, err := Open(filepath.Join("../../testdata/torch", name))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want an error with %q", name, err, want)
		}
	}
	if _, err := os.Stat("executed"); err == nil {
		t.Error("the pickle was executed")
	}
}

// archiveOf makes a zip archive of records, whose first is written by hand when
// a change is given.
func archiveOf(t *testing.T, change func(h *zip.FileHeader), records ...string) string {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for i := 0; i < len(records); i += 2 {
		h := &zip.FileHeader{Name: records[i]}
		if change != nil {
			change(h)
		}
		f, err := w.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(records[i+1])); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "x.pt")
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestArchives: archives that no writer leaves are refused.
func TestArchives(t *testing.T) {
	good := "\x80\x02}X\x01\x00\x00\x00a" + tensorPickle(0, 4, 1) + "s."
	data := strings.Repeat("\x00\x00\x80\x3f", 4)
	for _, c := range []struct {
		name, want string
		path       string
	}{
		{"good", "", archiveOf(t, nil, "x/data.pkl", good, "x/data/0", data)},
		{"compressed", "it is compressed, which torch never does", archiveOf(t, func(h *zip.FileHeader) { h.Method = zip.Deflate }, "x/data.pkl", good, "x/data/0", data)},
		{"no pickle", "no data.pkl", archiveOf(t, nil, "x/data/0", data)},
		{"no record", "the archive has no record data/0", archiveOf(t, nil, "x/data.pkl", good)},
		{"short record", "its storage has 16 bytes, the record data/0 only 12", archiveOf(t, nil, "x/data.pkl", good, "x/data/0", data[:12])},
		{"twice", "stands twice", archiveOf(t, nil, "x/data.pkl", good, "x/data/0", data, "x/data/0", data)},
		{"big-endian", `byteorder "big"`, archiveOf(t, nil, "x/data.pkl", good, "x/data/0", data, "x/byteorder", "big")},
		{"outside", "element 4 of a storage of 4", archiveOf(t, nil, "x/data.pkl", "\x80\x02}X\x01\x00\x00\x00a"+tensorPickle(1, 4, 1)+"s.", "x/data/0", data)},
		{"strides", "element 6 of a storage of 4", archiveOf(t, nil, "x/data.pkl", "\x80\x02}X\x01\x00\x00\x00a"+tensorPickle(0, 4, 2)+"s.", "x/data/0", data)},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, err := Open(c.path)
			if c.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				if got := valuesOf(t, f, f.Infos()[0]); len(got) != 4 || got[3] != 1 {
					t.Errorf("values %v", got)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want an error with %q", err, c.want)
			}
		})
	}
}

// tensorPickle is a tensor of n floats of storage 0, which has four.
func tensorPickle(offset, n, stride byte) string {
	return "ctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x04tQK" +
		string(rune(offset)) + "K" + string(rune(n)) + "\x85K" + string(rune(stride)) + "\x85\x89NtR"
}

// TestOverlap: two directory entries over the same bytes are refused, as in
// archives that are made to unpack to more than they are.
func TestOverlap(t *testing.T) {
	good := "\x80\x02}X\x01\x00\x00\x00a" + tensorPickle(0, 4, 1) + "s."
	path := archiveOf(t, nil, "x/data.pkl", good, "x/data/0", strings.Repeat("\x00", 16))
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	second := bytes.LastIndex(text, []byte("PK\x01\x02")) // its directory entry
	copy(text[second+42:], "\x00\x00\x00\x00")            // it begins where the first does
	_, _, err = read(bytes.NewReader(text), int64(len(text)))
	if err == nil || !strings.Contains(err.Error(), "two records of the archive overlap at byte 40: the file is damaged or made to deceive") {
		t.Errorf("got %v", err)
	}
}

// TestPickles: damaged and hostile pickles are errors with the byte they are at.
func TestPickles(t *testing.T) {
	for text, want := range map[string]string{
		"":                                       "byte 0 of the pickle: the pickle ends too early",
		"\x80\x02}":                              "byte 3 of the pickle: the pickle ends too early",
		"\x80\x09.":                              "pickle protocol 9",
		".":                                      "the stack is empty",
		"X\xff\xff\xff\xff":                      "4294967295 bytes are claimed",
		"X\xff\xff\xff\x01a":                     "ends too early",
		"\x8d\xff\xff\xff\xff\xff\xff\xff\xff":   "are claimed",
		"h\x05.":                                 "memo 5 holds nothing",
		"cos\nsystem\n(S'x'\ntR.":                `byte 11 of the pickle: it wants to import "os.system"`,
		"cbuiltins\neval\n.":                     `"builtins.eval"`,
		"ctorch\nload\n.":                        `"torch.load"`,
		"\x8c\x02os\x8c\x06system\x93.":          `"os.system"`,
		"(ios\nsystem\n.":                        "opcode 0x69: torch writes none",
		"Pid\n.":                                 "opcode 0x50",
		"ctorch\nFloatStorage\n)R.":              "torch.FloatStorage is called, and here it may only be named",
		"ctorch.nn.parameter\nParameter\n)\x81.": "may only be named",
		"}}K\x01s.":                              "a dictionary has a dictionary of 0 for a key",
		"]K\x01K\x02s.":                          "are put into a list of 0",
		"K\x01K\x02a.":                           "items are added to the number 1",
		"K\x01}b.":                               "attributes are set on the number 1",
		"K\x01Q.":                                "the number 1 stands where a storage belongs",
		"t.":                                     "no mark is on the stack",
	} {
		_, err := newMachine(newScanner(strings.NewReader(text)), storageOf).load()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want an error with %q", text, err, want)
		}
	}
}

// TestSharedArguments: a list that is given to many calls does not grow into
// more than the pickle may make.
func TestSharedArguments(t *testing.T) {
	var text strings.Builder
	text.WriteString("ccollections\nOrderedDict\nq\x00(](")
	for i := range 1 << 16 { // the items of a list, each a pair
		text.WriteString("M" + string([]byte{byte(i), byte(i >> 8)}) + "N\x86")
	}
	text.WriteString("e\x85q\x010")
	text.WriteString(strings.Repeat("h\x00h\x01R", 300) + ".")
	_, err := newMachine(newScanner(strings.NewReader(text.String())), storageOf).load()
	if err == nil || !strings.Contains(err.Error(), "values: this is no file of tensors") {
		t.Errorf("got %v", err)
	}
}

// TestTruncated: a file that is cut anywhere is an error, in both forms.
func TestTruncated(t *testing.T) {
	for _, name := range []string{"views.pt", "legacy-views.pt", "legacy-module.pt", "parameter.pth"} {
		text, err := os.ReadFile(filepath.Join("../../testdata/torch", name))
		if err != nil {
			t.Fatal(err)
		}
		for n := range len(text) {
			if _, _, err := read(bytes.NewReader(text[:n]), int64(n)); err == nil {
				t.Errorf("%s cut to %d of %d bytes opens", name, n, len(text))
			}
		}
	}
}

// FuzzRead: no file makes the reader panic or place a tensor outside of what is
// there.
func FuzzRead(f *testing.F) {
	for _, dir := range []string{"../../testdata/torch/*.pt", "../../testdata/torch/*.bin", "../../testdata/torch/*.pth", "../../testdata/torch/*.bad"} {
		names, _ := filepath.Glob(dir)
		for _, name := range names {
			text, err := os.ReadFile(name)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(text)
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		tensors, places, err := read(bytes.NewReader(text), int64(len(text)))
		if err != nil {
			return
		}
		for _, x := range tensors {
			p, ok := places[x.view.of.key]
			if !ok || p.from < 0 || p.size < x.view.of.bytes() || p.from+p.size > int64(len(text)) || x.view.inside() != nil {
				t.Errorf("tensor %v lies at %v of %d bytes", x.info, p, len(text))
			}
		}
	})
}

// FuzzPickle runs the machine alone, which the archive's checksums would hide.
func FuzzPickle(f *testing.F) {
	f.Add([]byte("\x80\x02}X\x01\x00\x00\x00a" + tensorPickle(0, 4, 1) + "s."))
	f.Add([]byte("\x80\x04\x8c\x0bcollections\x8c\x0bOrderedDict\x93)R\x94(\x8c\x01ah\x00u}b."))
	f.Fuzz(func(t *testing.T, text []byte) {
		v, err := newMachine(newScanner(bytes.NewReader(text)), storageOf).load()
		if err != nil {
			return
		}
		list, err := tensorsOf(v)
		for _, x := range list {
			if err == nil && (x.info.Shape.Check() != nil || x.view.inside() != nil) {
				t.Errorf("tensor %v got through", x.info)
			}
		}
	})
}
