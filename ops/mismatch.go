package ops

import (
	"fmt"
	"path"
	"strings"
)

// mismatch makes one error of many: the first five and a count.
func mismatch(in []Header, bad []string) error {
	if len(bad) == 0 {
		return nil
	}
	shown := bad
	if len(shown) > 5 {
		shown = shown[:5]
	}
	return fmt.Errorf("%d tensors do not fit each other (are the models of one architecture and size?):\n  %s%s", len(bad), strings.Join(shown, "\n  "), cure(in, bad))
}

// cure is what to do about tensors that a model lacks, or that have a row for
// each token of another vocabulary.
func cure(in []Header, bad []string) string {
	for _, text := range bad {
		switch name, rest, _ := strings.Cut(text, ": "); {
		case strings.HasSuffix(name, "embed_tokens.weight") && !strings.Contains(rest, "no such tensor"):
			return "\nModels of different vocabularies share one after tokenizer.align, or tokenizer.transplant"
		case !strings.Contains(rest, "no such tensor"):
		case strings.Contains(name, ".experts."):
			return relay(in)
		default:
			return "\nTo merge state dicts whose keys differ, say in the step keys: intersection, for what all have, or keys: union"
		}
	}
	return ""
}

// relay names the steps that bring mixtures to the layout of the first.
func relay(in []Header) string {
	to, mixtral := layout(in[0])
	var steps, names []string
	seen := map[string]bool{}
	for _, h := range in[1:] {
		from, _ := layout(h)
		if seen[h.Name] || from == to || from == "" || to == "" {
			continue
		}
		seen[h.Name] = true
		how := "{op: moe.stack, model: " + h.Name + "}"
		switch {
		case to == alone && mixtral:
			how = "{op: moe.unstack, model: " + h.Name + ", names: mixtral}"
		case to == alone:
			how = "{op: moe.unstack, model: " + h.Name + ", names: qwen}"
		}
		step := path.Base(h.Name) + "_" + to
		steps = append(steps, "  "+step+": "+how)
		names = append(names, step+" in place of "+h.Name)
	}
	if steps == nil {
		return "\nThe experts of these mixtures differ in number or in names: only mixtures of one shape can be merged"
	}
	return fmt.Sprintf("\nThe experts of %s are %s and those of the other are not. Add before this step\n%s\nand take %s", in[0].Name, to, strings.Join(steps, "\n"), strings.Join(names, ", "))
}

// The layouts of experts.
const (
	fused = "fused" // those of a layer in one tensor
	alone = "alone" // each in tensors of its own
)

// layout is how a mixture's experts lie, and whether they have Mixtral's names;
// empty for other models.
func layout(h Header) (how string, mixtral bool) {
	for _, info := range h.Infos {
		switch _, rest, ok := strings.Cut(info.Name, ".experts."); {
		case !ok || rest == "":
		case '0' <= rest[0] && rest[0] <= '9':
			return alone, strings.Contains(info.Name, "block_sparse_moe")
		case strings.HasPrefix(rest, "gate_up_proj"), strings.HasPrefix(rest, "down_proj"):
			return fused, false
		}
	}
	return "", false
}
