package evaluate

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rouxml/roux/ops"
)

// window is a part of a text that is scored.
type window struct {
	sequence
	bytes int // of the text that the scored tokens stand for
}

// protocol is a way of cutting texts into windows.
type protocol struct {
	name    string
	length  int  // of a window, when the data says none; 0: the model's positions
	least   int  // length of a window of which a token is scored
	strides bool // whether it takes a stride
	cut     func(s *subject, d *ops.Data, length, stride int) ([]window, error)
}

// protocols are the ways that perplexities are published by. A change of one
// raises its number.
var protocols = []protocol{
	{name: "hf-stride/1", least: 2, strides: true, cut: striding},
	{name: "llama.cpp/1", length: 512, least: 3, cut: chunks},
	{name: "gptq/1", length: 2048, least: 2, cut: disjoint},
	{name: "begin/1", cut: behindBegin},
	{name: "rolling/1", cut: rolling},
}

// protocolOf is the protocol of a name as a recipe says it.
func protocolOf(name string) protocol {
	i := slices.IndexFunc(protocols, func(p protocol) bool { return strings.HasPrefix(p.name, name+"/") })
	return protocols[i]
}

// length is that of a window.
func (s *subject) length(d *ops.Data, p protocol) (int, error) {
	if len(d.Texts) == 0 {
		return 0, d.NoTexts()
	}
	length := d.Length
	if length == 0 {
		length = p.length
	}
	if length == 0 {
		length = s.positions
		if p.name == "begin/1" {
			length--
		}
	}
	if length < p.least {
		return 0, d.Errorf("protocol %s scores no token of a window of %d: say length: %d or more", p.name, length, p.least)
	}
	fed := length
	if p.name == "begin/1" {
		fed++
	}
	if fed > s.positions {
		return 0, d.Errorf("a window of %d tokens is longer than the %d positions of model %s: say length: %d or less", fed, s.positions, s.name, s.positions-fed+length)
	}
	return length, nil
}

// windows cuts the data's texts as the protocol says, and takes the samples.
func (s *subject) windows(d *ops.Data, p protocol, stride int) ([]window, int, error) {
	length, err := s.length(d, p)
	if err != nil {
		return nil, 0, err
	}
	all, err := p.cut(s, d, length, stride)
	if err != nil {
		return nil, 0, err
	}
	some, err := samples(d, all, fmt.Sprintf("windows of %d tokens", length))
	return some, length, err
}

// joined encodes all texts as one, with empty lines between, as the papers do.
func (s *subject) joined(d *ops.Data, add bool) (encoded, error) {
	return s.encode(d, strings.Join(d.Texts, "\n\n"), add)
}

// short is the error for a text with too few tokens.
func short(d *ops.Data, have, want int) error {
	return d.Errorf("the text has %d tokens, and %d are asked for: give a longer text, or a smaller length", have, want)
}

// striding is what the perplexity guide of transformers does: windows that
// overlap, each scoring what the one before did not reach.
func striding(s *subject, d *ops.Data, length, stride int) ([]window, error) {
	e, err := s.joined(d, true)
	if err != nil {
		return nil, err
	}
	if len(e.ids) < 2 || d.Length > 0 && len(e.ids) < length {
		return nil, short(d, len(e.ids), max(length, 2))
	}
	if stride == 0 {
		stride = max(length/2, 1)
	}
	var out []window
	last := 0
	for begin := 0; last < len(e.ids); begin += stride {
		end := min(begin+length, len(e.ids))
		from := max(last-begin, 1)
		if begin+from < end {
			out = append(out, window{sequence{ids: e.ids[begin:end], from: from}, e.bytes(begin+from, end)})
		}
		last = end
	}
	return out, nil
}

// chunks is what llama-perplexity does: disjoint chunks that begin with BOS
// where the tokenizer adds it, of which the second half is scored.
func chunks(s *subject, d *ops.Data, length, _ int) ([]window, error) {
	e, err := s.joined(d, true)
	if err != nil {
		return nil, err
	}
	if len(e.ids) < 2*length {
		return nil, d.Errorf("the text has %d tokens, and this protocol wants two chunks of %d at least: give a longer text, or a smaller length", len(e.ids), length)
	}
	bos, adds := s.beginsWith(e.ids)
	var out []window
	for at := 0; at+length <= len(e.ids); at += length {
		ids := slices.Clone(e.ids[at : at+length])
		if adds {
			ids[0] = bos
		}
		from := length/2 + 1
		out = append(out, window{sequence{ids: ids, from: from}, e.bytes(at+from, at+length)})
	}
	return out, nil
}

// beginsWith says whether the tokenizer put a BOS before a text, by its tokens.
func (s *subject) beginsWith(ids []int32) (int32, bool) {
	bos, named := s.tokens.Named("bos")
	return bos, named && len(ids) > 0 && ids[0] == bos
}

// disjoint is what the papers on quantization and pruning do.
func disjoint(s *subject, d *ops.Data, length, _ int) ([]window, error) {
	e, err := s.joined(d, true)
	if err != nil {
		return nil, err
	}
	if len(e.ids) < length {
		return nil, short(d, len(e.ids), length)
	}
	var out []window
	for at := 0; at+length <= len(e.ids); at += length {
		out = append(out, window{sequence{ids: e.ids[at : at+length], from: 1}, e.bytes(at+1, at+length)})
	}
	return out, nil
}

// behindBegin puts the beginning of a text before each of the disjoint windows,
// so that every token of the text is scored.
func behindBegin(s *subject, d *ops.Data, length, _ int) ([]window, error) {
	e, err := s.joined(d, false)
	if err != nil {
		return nil, err
	}
	begin, err := s.begin()
	if err != nil {
		return nil, err
	}
	if len(e.ids) < length {
		return nil, short(d, len(e.ids), length)
	}
	var out []window
	for at := 0; at+length <= len(e.ids); at += length {
		ids := append([]int32{begin}, e.ids[at:at+length]...)
		out = append(out, window{sequence{ids: ids, from: 1}, e.bytes(at, at+length)})
	}
	return out, nil
}

// rolling is what lm-evaluation-harness does: document by document, every token
// once, in windows that are filled up with context at the end.
func rolling(s *subject, d *ops.Data, length, _ int) ([]window, error) {
	begin, err := s.begin()
	if err != nil {
		return nil, err
	}
	var out []window
	for _, text := range d.Texts {
		e, err := s.encode(d, text, false)
		if err != nil {
			return nil, err
		}
		ids := append([]int32{begin}, e.ids...) // token i of the text is ids[i+1]
		for done := 0; done < len(e.ids); {
			n := min(length, len(e.ids)-done)
			first := max(done+n-length, 0)
			out = append(out, window{sequence{ids: ids[first : done+n+1], from: done + 1 - first, cut: true}, e.bytes(done, done+n)})
			done += n
		}
	}
	if out == nil {
		return nil, short(d, 0, 1)
	}
	return out, nil
}

// samples takes as many of a list as the data asks for.
func samples[T any](d *ops.Data, all []T, what string) ([]T, error) {
	chosen, err := d.Choose(len(all), what)
	if err != nil || chosen == nil {
		return all, err
	}
	out := make([]T, len(chosen))
	for i, at := range chosen {
		out[i] = all[at]
	}
	return out, nil
}
