package tokenizer

import (
	"fmt"

	"github.com/rouxml/roux/ops"
)

// piecesOf cuts the tokens whose rows are to be made into tokens of the model.
func piecesOf(g graft, model ops.Header, theirs *lexicon, rows int) ([][]int, error) {
	if model.Tokenizer == nil {
		return nil, fmt.Errorf("%s: its tokenizer cannot be run, which subword needs (use another method)", model.Name)
	}
	t, err := model.Tokenizer()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", model.Name, err)
	}
	var pieces [][]int
	for row, from := range g.rows {
		if from != made {
			continue
		}
		ids, _, err := t.Encode(theirs.spoken(row), ops.Encoding{Parse: true})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", model.Name, err)
		}
		var list []int
		for _, id := range ids {
			if int(id) < rows {
				list = append(list, int(id))
			}
		}
		pieces = append(pieces, list)
	}
	return pieces, nil
}

// spoken is the text that a token stands for.
func (l *lexicon) spoken(id int) string {
	m := l.of[id]
	if m.role != "" {
		text, _ := l.vocab.Text(id)
		return text
	}
	if m.start {
		return " " + m.text
	}
	return m.text
}
