package arch

import (
	"maps"
	"slices"
	"strings"

	"github.com/rouxml/roux/tensor"
)

// foreign are words in the names of parts that read no text.
var foreign = []string{"vision", "visual", "image", "img", "pixel", "audio", "speech", "sound", "talker", "vqmodel", "projector", "mtp."}

// Foreign says whether a tensor belongs to a part of a model of several kinds
// of input that is not about text, as far as its name tells.
func Foreign(name string) bool {
	lower := strings.ToLower(strings.ReplaceAll(name, "vocab_projector", "")) // DistilBERT's head
	return slices.ContainsFunc(foreign, func(word string) bool { return strings.Contains(lower, word) })
}

// findTowers counts the layers of each stack and finds the text model's among
// them: one whose tensors the family's data know, else one without a foreign
// word, else any; of several, the one with the most tensors, then the first by
// name.
func (a *Arch) findTowers(parts []parted) {
	a.towers = map[string]int{}
	sizes, data := map[string]int{}, map[string]bool{}
	for _, p := range parts {
		if p.layer < 0 {
			continue
		}
		tower := towerOf(p.pattern)
		a.towers[tower] = max(a.towers[tower], p.layer+1)
		sizes[tower]++
		if _, ok := a.known(p.pattern); ok {
			data[tower] = true
		}
	}
	best := [3]int{-1}
	encoder, decoder := false, false
	for _, tower := range slices.Sorted(maps.Keys(sizes)) {
		rank := [3]int{0, 0, sizes[tower]}
		if data[tower] {
			rank[0] = 1
		}
		if !Foreign(tower) {
			rank[1] = 1
			encoder = encoder || strings.Contains(tower, "encoder")
			decoder = decoder || strings.Contains(tower, "decoder")
		}
		if slices.Compare(rank[:], best[:]) > 0 {
			best, a.main = rank, tower
		}
	}
	a.layers, a.pair = a.towers[a.main], encoder && decoder
}

// towerOf is what stands before the layer's number.
func towerOf(pattern string) string {
	before, _, _ := strings.Cut(pattern, "{layer}")
	return strings.TrimSuffix(before, ".")
}

// besideTheVocabulary are words in the names of embeddings of something else
// than tokens.
var besideTheVocabulary = []string{"position", "pos_emb", "wpe", "token_type", "per_layer"}

// Vocabulary is the number of rows of the embedding of tokens, or 0 without
// one.
func (a *Arch) Vocabulary(infos []tensor.Info) int {
	for _, info := range infos {
		role := a.Role(info.Name, info.Shape)
		if role.Layer >= 0 || len(info.Shape) != 2 || role.Kind != tensor.Embed || Foreign(info.Name) {
			continue
		}
		if !slices.ContainsFunc(besideTheVocabulary, func(word string) bool { return strings.Contains(info.Name, word) }) {
			return info.Shape[0]
		}
	}
	return 0
}
