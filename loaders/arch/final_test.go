package arch

import (
	"strings"
	"testing"

	"github.com/rouxml/roux/tensor"
)

// TestFinalKeepsTies: a head that stands for the embedding ends the tie; what
// only is of a head's kind, such as a pooler or a classifier, does not.
func TestFinalKeepsTies(t *testing.T) {
	for _, c := range []struct {
		head  string
		shape tensor.Shape
		tied  bool
	}{
		{"lm_head.dense.weight", tensor.Shape{4, 4}, true},
		{"classifier.weight", tensor.Shape{2, 4}, true},
		{"bert.pooler.dense.weight", tensor.Shape{4, 4}, true},
		{"lm_head.decoder.weight", tensor.Shape{64, 4}, false},
	} {
		infos := []tensor.Info{
			{Name: "bert.embeddings.word_embeddings.weight", DType: tensor.F32, Shape: tensor.Shape{64, 4}},
			{Name: c.head, DType: tensor.F32, Shape: c.shape},
		}
		for _, family := range []string{"bert", "roberta"} {
			got, err := Final([]byte(`{"model_type":"`+family+`","tie_word_embeddings":true,"vocab_size":64}`), infos)
			if err != nil || strings.Contains(string(got), `"tie_word_embeddings":true`) != c.tied {
				t.Errorf("%s of %s: %s %v", c.head, family, got, err)
			}
		}
	}
}
