package ops

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/rouxml/roux/schema"
	"github.com/rouxml/roux/tensor/rng"
)

// Data is an entry of the recipe's data, read.
type Data struct {
	Name string
	Pos  schema.Pos
	// Texts are documents: of a text file one, else one for each row.
	Texts []string
	// Rows are the columns of a table's rows, as text; nil for text files.
	Rows []map[string]string
	// Items are the questions of a task; nil for other data.
	Items []Item
	// Saved are the predictions of a reference model, with the tokens that they
	// are about; nil for other data.
	Saved Saved
	// Importance is an importance matrix in place of texts; nil for texts.
	Importance *Importance
	// Length is how many tokens a sample has, and Samples how many there are;
	// 0 leaves it to the op.
	Length, Samples int
	// Drawn says that samples are drawn with Seed; else the first are taken.
	Drawn bool
	Seed  uint64
	// Special says that special tokens written in the texts are meant.
	Special bool
}

// NoTexts is the error for data without texts.
func (d *Data) NoTexts() error {
	if d.Rows == nil {
		return d.Errorf("it holds no texts: write {text: PATH}")
	}
	return d.Errorf("it is a table without a column \"text\" (it has %s): say field: COLUMN", strings.Join(slices.Sorted(maps.Keys(d.Rows[0])), ", "))
}

// Saved is what a model predicted of chunks of tokens: log probabilities for the
// positions from the middle of each chunk to the last but one.
type Saved interface {
	// Sizes returns the tokens of a chunk, those of the vocabulary, and the chunks.
	Sizes() (context, vocab, chunks int)
	// Tokens are those of a chunk; not to be changed.
	Tokens(chunk int) []int32
	// LogProbs fills in a row, from several goroutines if need be.
	LogProbs(chunk, row int, into []float32) error
}

// Item is one question: a context and how it may go on. Choices are empty when
// the answer is generated.
type Item struct {
	Context   string
	Delimiter string // between the context and a choice
	Choices   []string
	Gold      int    // the right choice
	Answer    string // the right text, when it is generated
	Until     []string
	Limit     int // tokens that an answer may have; 0 leaves it to the op
}

// Errorf makes an error about the data, with its place in the recipe.
func (d *Data) Errorf(format string, args ...any) error {
	return fmt.Errorf("%s: data %s: %w", d.Pos, d.Name, fmt.Errorf(format, args...))
}

// Bytes is about how much memory the texts, rows and items take.
func (d *Data) Bytes() (n int64) {
	const header, cell = 16, 48 // of a string, and of a map for each of its cells
	text := func(s string) { n += header + int64(len(s)) }
	for _, row := range d.Rows {
		for name, v := range row {
			n += cell - header + int64(len(name))/int64(len(d.Rows)) // which rows share
			text(v)
		}
	}
	for _, t := range d.Texts {
		if n += header; d.Rows == nil { // else they are a column's
			n += int64(len(t))
		}
	}
	for _, i := range d.Items {
		for _, s := range slices.Concat([]string{i.Context, i.Delimiter, i.Answer}, i.Choices, i.Until) {
			text(s)
		}
	}
	return n
}

// plannedText is the longest text that a plan takes apart.
const plannedText = 4 << 20

// Scant says whether the texts may have fewer than so many tokens, so that a
// plan does well to count them: no text has 16 bytes a token. What is longer
// than a plan has time for is left to the run.
func (d *Data) Scant(tokens int) bool {
	n := 0
	for _, t := range d.Texts {
		n += len(t)
	}
	return n <= plannedText && n < 16*tokens
}

// Choose returns the places of the samples that are asked for among n: the
// first, or drawn without repetition and in ascending order. Nil means all. What
// names them in the error about too few.
func (d *Data) Choose(n int, what string) ([]int, error) {
	if d.Samples == 0 {
		return nil, nil
	}
	if d.Samples > n {
		return nil, d.Errorf("it holds %d %s, and %d samples are asked for: give more data, or ask for fewer", n, what, d.Samples)
	}
	places := make([]int, n)
	for i := range places {
		places[i] = i
	}
	if !d.Drawn {
		return places[:d.Samples], nil
	}
	key := rng.NewKey(d.Seed, "data", d.Name, "", "samples")
	for i := range d.Samples {
		j := i + int(uint64(key.Word(i))*uint64(n-i)>>32)
		places[i], places[j] = places[j], places[i]
	}
	return slices.Sorted(slices.Values(places[:d.Samples])), nil
}

// Tokenizer turns text into tokens and back.
type Tokenizer interface {
	// Encode returns the tokens of a text, and where in it each ends, in bytes.
	Encode(text string, o Encoding) (ids []int32, ends []int, err error)
	// Decode returns the text of tokens, special ones left out.
	Decode(ids []int32) string
	// Token returns the text of a token.
	Token(id int32) (string, bool)
	// Named returns the token of a role, such as "bos" or "eos".
	Named(role string) (int32, bool)
	// Ends are the tokens behind which a text that the model writes is over.
	Ends() []int32
	// Size is one more than the largest token.
	Size() int
	// Digest names all that encoding depends on.
	Digest() string
}

// Encoding says what encoding does with special tokens.
type Encoding struct {
	Add   bool // put those beside the text that the tokenizer's own rule asks for
	Parse bool // take those that are written in the text for what they say
}
