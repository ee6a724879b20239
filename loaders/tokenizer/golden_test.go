package tokenizer

import (
	"compress/gzip"
	"encoding/json"
	"os"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rouxml/roux/tensor"
)

// golden.json.gz holds small tokenizers of every kind and what tokenizers
// 0.23.3 and sentencepiece 0.2.3 make of the edge strings (testdata/golden.py).
type golden struct {
	Tokenizers []struct {
		Name      string
		Tokenizer json.RawMessage
		Cases     []struct {
			Text, Error      string
			IDs, Types, Bare []int32
			Unparsed         []int32
			Offsets          [][2]int
			Decoded, Skipped string
		}
		Pairs []struct {
			First, Second string
			IDs, Types    []int32
			Offsets       [][2]int
		}
	}
	Models []struct {
		Name  string
		Cases []struct {
			Text, Decoded string
			IDs           []int32
		}
	}
	SentencePiece []struct {
		Name  string
		Model []byte
		Cases []struct {
			Text, Decoded string
			IDs           []int32
		}
	}
}

func readGolden(t testing.TB) golden {
	f, err := os.Open("testdata/golden.json.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var g golden
	if err := json.NewDecoder(z).Decode(&g); err != nil {
		t.Fatal(err)
	}
	return g
}

func offsets(e Encoding) [][2]int {
	var out [][2]int
	for _, o := range e.Offsets {
		out = append(out, [2]int{o.Start, o.End})
	}
	return out
}

// same says whether two lists are equal, nil being empty.
func same[T comparable](a, b []T) bool { return slices.Equal(a, b) }

// forges says whether ids have control tokens other than the unknown one. The
// reference lets some models make them of plain text; roux does not.
func forges(k *Tokenizer, ids []int32) bool {
	return slices.ContainsFunc(ids, func(id int32) bool {
		s, _ := k.Token(id)
		return k.IsSpecial(id) && s != "<unk>" && s != "[UNK]"
	})
}

// TestUserTokenScores: what a token of the user counts decides between ways that
// are equally likely but for rounding; sentencepiece 0.2.3 made these ids.
func TestUserTokenScores(t *testing.T) {
	_, k, _ := spmVocab(t, "spaces", "llama")
	for text, want := range map[string][]int32{
		"theseoldwelll": {4, 9, 13, 10, 42, 78, 39, 13, 42, 32},
		"dwelll":        {40, 39, 13, 32, 42},
	} {
		if got, err := k.Encode(text, Options{}); err != nil || !same(got, want) {
			t.Errorf("%s: %v %v, want %v", text, got, err, want)
		}
	}
}

func TestGolden(t *testing.T) {
	for _, c := range readGolden(t).Tokenizers {
		t.Run(c.Name, func(t *testing.T) {
			k, err := Parse(c.Tokenizer)
			if err != nil {
				t.Fatal(err)
			}
			for _, x := range c.Cases {
				e, err := k.EncodeWithOffsets(x.Text, Options{Add: true, Parse: true})
				if x.Error != "" {
					if err == nil {
						t.Errorf("%q: no error, want %q", x.Text, x.Error)
					}
					continue
				}
				if err != nil {
					t.Errorf("%q: %v", x.Text, err)
					continue
				}
				if !same(e.IDs, x.IDs) {
					t.Errorf("%q: ids %v, want %v", x.Text, e.IDs, x.IDs)
				} else if !same(offsets(e), x.Offsets) {
					t.Errorf("%q: offsets %v, want %v", x.Text, offsets(e), x.Offsets)
				}
				if !same(e.Types, x.Types) {
					t.Errorf("%q: types %v, want %v", x.Text, e.Types, x.Types)
				}
				for _, y := range []struct {
					o    Options
					want []int32
				}{{Options{Add: true, Parse: true}, x.IDs}, {Options{Parse: true}, x.Bare}, {Options{}, x.Unparsed}} {
					if got, _ := k.Encode(x.Text, y.o); !same(got, y.want) && (y.o.Parse || !forges(k, y.want) || forges(k, got)) {
						t.Errorf("%q %+v: ids %v, want %v", x.Text, y.o, got, y.want)
					}
				}
				if d := cmp.Diff([]string{x.Decoded, x.Skipped}, []string{k.Decode(x.IDs, false), k.Decode(x.IDs, true)}); d != "" {
					t.Errorf("%q: decoded (-want +got):\n%s", x.Text, d)
				}
			}
			for _, x := range c.Pairs {
				e, err := k.EncodePair(x.First, x.Second, Options{Add: true, Parse: true})
				if err != nil || !same(e.IDs, x.IDs) || !same(e.Types, x.Types) || !same(offsets(e), x.Offsets) {
					t.Errorf("%q, %q: %v %v, want %v", x.First, x.Second, e, err, x)
				}
			}
		})
	}
}

func TestSentencePiece(t *testing.T) {
	for _, c := range readGolden(t).SentencePiece {
		t.Run(c.Name, func(t *testing.T) {
			k, err := ParseSentencePiece(c.Model)
			if err != nil {
				t.Fatal(err)
			}
			for _, x := range c.Cases {
				got, err := k.Encode(x.Text, Options{})
				if err != nil || !same(got, x.IDs) {
					t.Errorf("%q: ids %v, want %v (%v)", x.Text, got, x.IDs, err)
					continue
				}
				if s := k.Decode(x.IDs, true); s != x.Decoded {
					t.Errorf("%q: decoded %q, want %q", x.Text, s, x.Decoded)
				}
				if e, err := k.EncodeWithOffsets(x.Text, Options{}); err != nil || !same(e.IDs, x.IDs) {
					t.Errorf("%q: with offsets %v, want %v", x.Text, e.IDs, x.IDs)
				}
			}
		})
	}
}

func TestTinyModels(t *testing.T) {
	for _, c := range readGolden(t).Models {
		k, err := Open([]tensor.File{
			{Name: "tokenizer.json", Path: "../../testdata/models/" + c.Name + "/tokenizer.json"},
			{Name: "tokenizer_config.json", Path: "../../testdata/models/" + c.Name + "/tokenizer_config.json"},
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range c.Cases {
			got, err := k.Encode(x.Text, Options{Add: true, Parse: true})
			if err != nil || !same(got, x.IDs) {
				t.Errorf("%s: %q: %v, want %v (%v)", c.Name, x.Text, got, x.IDs, err)
			}
			if s := k.Decode(x.IDs, false); s != x.Decoded {
				t.Errorf("%s: %q: decoded %q, want %q", c.Name, x.Text, s, x.Decoded)
			}
		}
		if id, ok := k.Named("eos"); !ok || id != 1 {
			t.Errorf("%s: eos is %d, %v", c.Name, id, ok)
		}
	}
}
