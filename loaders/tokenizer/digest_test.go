package tokenizer

import (
	"strings"
	"testing"
	"time"

	"github.com/rouxml/roux/tensor"
)

func TestDigestIsTheSameEachTime(t *testing.T) {
	v := Vocab{Kind: "llama", Tokens: []string{"<unk>", "<s>", "</s>", "a"}, Scores: []float32{0, 0, 0, -1}, Types: []int32{2, 3, 3, 1}}
	a, errA := FromVocab(v)
	b, errB := FromVocab(v)
	if errA != nil || errB != nil {
		t.Fatal(errA, errB)
	}
	if a.Digest() != b.Digest() {
		t.Errorf("the digest of one vocabulary is %s and %s", a.Digest(), b.Digest())
	}
	no := false
	v.AddBOS = &no
	if c, err := FromVocab(v); err != nil || c.Digest() == a.Digest() {
		t.Errorf("the digest does not tell that no BOS is added (%v)", err)
	}
}

const smallJSON = `{"added_tokens":[],"post_processor":{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true},
"model":{"type":"WordLevel","vocab":{"a":0,"<s>":1,"<t>":2,"?":3},"unk_token":"?"},"pre_tokenizer":{"type":"WhitespaceSplit"}}`

func TestDigestNamesTheTokensBesideText(t *testing.T) {
	digests := map[string]bool{}
	for _, bos := range []string{"<s>", "<t>"} {
		tok, err := Open([]tensor.File{{Name: "tokenizer.json", Data: []byte(smallJSON)},
			{Name: "tokenizer_config.json", Data: []byte(`{"add_bos_token":true,"bos_token":"` + bos + `"}`)}})
		if err != nil {
			t.Fatal(err)
		}
		digests[tok.Digest()] = true
	}
	if len(digests) != 2 {
		t.Error("two tokenizers that begin texts with different tokens have one digest")
	}
}

func TestOffsetsOfLongText(t *testing.T) {
	tok, err := Parse([]byte(smallJSON))
	if err != nil {
		t.Fatal(err)
	}
	from := time.Now()
	if _, err := tok.EncodeWithOffsets(strings.Repeat("a ", 1<<21), Options{}); err != nil {
		t.Fatal(err)
	}
	// The square of the length takes minutes.
	if took := time.Since(from); took > 20*time.Second {
		t.Errorf("4 MiB took %s", took)
	}
}
