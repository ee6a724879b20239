package adapter

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/tensor"
	"github.com/rouxml/roux/tensor/lora"
)

// form is how a tensor goes into an adapter; a unit's first Arg is one.
type form float64

const (
	straight form = iota // W = B A
	turned               // W = (B A)': embeddings, and GPT-2's maps from in to out
	whole                // saved as it is
	left                 // not at all
)

func formOf(x *ops.Pass) form { return form(x.Unit.Args[0]) }

func extractPlan(p *extract, in []ops.Header) ([]ops.Unit, error) {
	if err := resized(in); err != nil {
		return nil, err
	}
	same, err := ops.SameNames(in)
	if err != nil {
		return nil, err
	}
	factored := map[string]bool{}
	for _, u := range same {
		if f := p.form(in[0], u.Out[0]); f == straight || f == turned {
			factored[module(u.Out[0].Name)] = true
		}
	}
	var units []ops.Unit
	for _, u := range same {
		f := p.form(in[0], u.Out[0])
		if f == left {
			continue
		}
		u.Args = []float64{float64(f)}
		info := u.Out[0]
		u.Out = append(p.outs(in[0], info, f, factored), lora.RecordInfo(info.Name))
		if f == whole && ties(in[0], info.Name) {
			head := info
			head.Name = lora.TiedHead
			u.Out = append(u.Out, p.outs(in[0], head, f, factored)[0], lora.RecordInfo(head.Name))
		}
		units = append(units, u)
	}
	return units, nil
}

// ties says whether a model takes that tensor for its head as well: PEFT then
// wants the head's copy in the file.
func ties(h ops.Header, name string) bool {
	var c struct {
		Tied bool `json:"tie_word_embeddings"`
	}
	_, own := h.Info(lora.TiedHead)
	return json.Unmarshal(h.Config, &c) == nil && c.Tied && !own && !h.Left[lora.TiedHead] && isEmbedding(h, name) &&
		!strings.Contains(name, "position") && !strings.Contains(name, "wpe") && !strings.Contains(name, "token_type")
}

// resized refuses a fine-tune with more or fewer tokens than its base.
func resized(in []ops.Header) error {
	for _, info := range in[0].Infos {
		base, ok := in[1].Info(info.Name)
		kind := in[0].Roles.Role(info.Name, info.Shape).Kind
		if ok && (kind == tensor.Embed || kind == tensor.Head) && len(info.Shape) == 2 && len(base.Shape) == 2 && info.Shape[1] == base.Shape[1] && info.Shape[0] != base.Shape[0] {
			return fmt.Errorf("%s has %d rows in %s and %d in %s: an adapter cannot add tokens to its base (leave it out with where: kind not in [\"embed\", \"head\"], or give the base the tokens first)",
				info.Name, info.Shape[0], in[0].Name, base.Shape[0], in[1].Name)
		}
	}
	return nil
}

// module cuts the last part off a tensor's name.
func module(name string) string { return name[:max(0, strings.LastIndexByte(name, '.'))] }

// outs are the tensors that an adapter stores for one of the model.
func (p *extract) outs(h ops.Header, info tensor.Info, f form, factored map[string]bool) []tensor.Info {
	m := module(info.Name)
	if f == whole {
		name := lora.Name{Module: info.Name}.String()
		if factored[m] {
			name = lora.BaseLayer(m, info.Name[len(m)+1:])
		}
		return []tensor.Info{{Name: name, DType: info.DType, Shape: info.Shape}}
	}
	rank, _ := p.planned(info.Shape)
	inputs, outputs := info.Shape[1], info.Shape[0]
	if f == turned {
		inputs, outputs = outputs, inputs
	}
	embedding := isEmbedding(h, info.Name)
	return []tensor.Info{
		{Name: lora.Name{Module: m, Part: lora.A, Embedding: embedding}.String(), DType: tensor.F32, Shape: tensor.Shape{rank, inputs}},
		{Name: lora.Name{Module: m, Part: lora.B, Embedding: embedding}.String(), DType: tensor.F32, Shape: tensor.Shape{outputs, rank}},
	}
}

// planned is the rank that factors have room for.
func (p *extract) planned(s tensor.Shape) (rank int, known bool) {
	if rank, known = p.Rank.Known(s[0], s[1]); known {
		return rank, true
	}
	return min(p.MaxRank, s[0], s[1]), false
}

// form decides by a tensor's name, shape and kind.
func (p *extract) form(h ops.Header, info tensor.Info) form {
	kind := h.Roles.Role(info.Name, info.Shape).Kind
	others := whole
	if p.Others == "leave" {
		others = left
	}
	m, weight := strings.CutSuffix(info.Name, ".weight")
	switch {
	case slices.ContainsFunc(p.Save, func(s string) bool { return m == s || strings.HasSuffix(m, "."+s) }):
		return whole
	case isEmbedding(h, info.Name):
		return map[string]form{"whole": whole, "lora": turned, "leave": left}[p.Embeddings]
	case p.Embeddings != "lora" && isVocabularyHead(h, info):
		return map[string]form{"whole": whole, "leave": left}[p.Embeddings]
	case !weight || len(info.Shape) != 2 || info.Shape.Rows() == 1 || kind == tensor.Norm || kind == tensor.MoERouter:
		return others
	case inToOut(h, m):
		return turned
	}
	return straight
}

// isVocabularyHead says whether a weight is the head that answers to the
// embedding of tokens, with a row for each.
func isVocabularyHead(h ops.Header, info tensor.Info) bool {
	if r := h.Roles.Role(info.Name, info.Shape); r.Kind != tensor.Head || r.Layer >= 0 || len(info.Shape) != 2 {
		return false
	}
	return slices.ContainsFunc(h.Infos, func(e tensor.Info) bool {
		return h.Roles.Role(e.Name, e.Shape).Kind == tensor.Embed && e.Shape.Equal(info.Shape)
	})
}

// isEmbedding says whether a weight is a table of rows by index, which PEFT
// factors otherwise than a linear map.
func isEmbedding(h ops.Header, name string) bool {
	info, _ := h.Info(name)
	m := module(name)
	last := m[strings.LastIndexByte(m, '.')+1:]
	return len(info.Shape) == 2 && strings.HasSuffix(name, ".weight") &&
		(h.Roles.Role(name, info.Shape).Kind == tensor.Embed || last == "wpe" || last == "wte" || strings.HasSuffix(last, "embeddings"))
}

// inToOut says whether a linear map is stored from in to out, as those of
// GPT-2's blocks are.
func inToOut(h ops.Header, m string) bool {
	var c struct {
		ModelType string `json:"model_type"`
	}
	if json.Unmarshal(h.Config, &c) != nil || c.ModelType != "gpt2" && c.ModelType != "openai-gpt" {
		return false
	}
	return slices.Contains([]string{"c_attn", "c_proj", "c_fc", "q_attn"}, m[strings.LastIndexByte(m, '.')+1:])
}
