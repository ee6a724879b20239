package tokenizer

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/rouxml/roux/tensor"
)

// Ends are the tokens behind which a text that a model writes is over: the one
// that the tokenizer names as eos, and those of the model's
// generation_config.json, or of a GGUF file, which for chat models also have the
// end of a message.
func (t *Tokenizer) Ends() []int32 {
	id, ok := t.Named("eos")
	if !ok || slices.Contains(t.config.ends, id) {
		return t.config.ends
	}
	return append([]int32{id}, t.config.ends...)
}

// hold keeps text from being taken for the tokens that the configuration names,
// such as the end of a turn, also where their file does not call them special.
func (t *Tokenizer) hold() {
	ids := slices.Clone(t.config.ends)
	for _, role := range roles {
		if id, ok := t.Named(role); ok {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	for _, id := range slices.Compact(ids) {
		if _, added := t.added.tokens[id]; added && !t.added.held[id] && id != t.unknown {
			t.added.held[id] = true
			if int(id) < len(t.control) {
				t.control[id] = true
			}
			t.digest += fmt.Sprintf("+held %d", id)
		}
	}
}

// readEnds reads eos_token_id, which is a token, a list of them, or null.
func (t *Tokenizer) readEnds(f tensor.File) error {
	data, err := f.Read(maxSmall)
	if err != nil {
		return err
	}
	var fields struct {
		EOS json.RawMessage `json:"eos_token_id"`
	}
	if err := json.Unmarshal(data, &fields); err != nil {
		return fmt.Errorf("%s: %w", f.Name, err)
	}
	var one int32
	var many []int32
	switch {
	case len(fields.EOS) == 0 || string(fields.EOS) == "null":
	case json.Unmarshal(fields.EOS, &one) == nil:
		t.config.ends = []int32{one}
	case json.Unmarshal(fields.EOS, &many) == nil:
		t.config.ends = many
	default:
		return errors.New(f.Name + ": eos_token_id is neither a token's number nor a list of them: mend it, or remove the key")
	}
	return nil
}
