package ops

import (
	"fmt"

	"github.com/rouxml/roux/tensor/kernel"
)

// Need says which statistics of a tensor's input an op asks for. A run over
// texts gives sums over channels with every need; an importance matrix has
// Squares alone.
type Need uint8

// The needs.
const (
	Squares  Need = 1 << iota // Stats.Squares
	Channels                  // all of Stats.Columns
	Gram                      // Stats.ReadGram
	Cosines                   // Header.Blocks, which ops with Select get alone
)

// Stats is what a model's run over calibration data showed of the input X
// [tokens, channels] of a linear layer. It is read-only and shared.
type Stats struct {
	Layer   int
	Input   string   // which one: "attn.in", "attn.out", "ffn.in", "ffn.mid", "moe.in", "expert.in", "expert.mid"; "head.in", whose layer is one behind the last
	Expert  int      // -1: none
	Weights []string // the tensors that are multiplied by it
	Samples int      // windows of the data
	Seen    int64    // tokens of all samples
	Rows    int64    // of these, tokens that came by here: an expert sees those that are routed to it
	Mass    float64  // the sum of the router's weights of those
	// Columns has the sums of x, x^2 and |x| of each channel, and its extremes.
	*kernel.Columns
	// SquaresOnly says that of these only the squares are known: they come from
	// an importance matrix.
	SquaresOnly bool `json:",omitempty"`
	// Transposed says that the weight is stored [in, out].
	Transposed bool
	// Tied says that the weight is that of the embedding as well.
	Tied bool `json:",omitempty"`
	// ReadGram fills dst, channels x channels, with X^T*X: summed in float64 over
	// blocks of 256 tokens, kept in float32. Nil unless the op needs Gram.
	ReadGram func(dst []float64) error `json:"-"`
}

// Width is how many channels there are.
func (s *Stats) Width() int { return len(s.Sum) }

// AbsMax is the largest magnitude in channel j.
func (s *Stats) AbsMax(j int) float32 { return max(s.Max[j], -s.Min[j]) }

// Dead counts the channels in which every activation is zero.
func (s *Stats) Dead() (n int) {
	for _, v := range s.Squares {
		if v == 0 {
			n++
		}
	}
	return n
}

// Join adds what another run over other data showed of the same input. Both
// must be without ReadGram, whose sums add up likewise.
func (s *Stats) Join(o *Stats) error {
	if s.Layer != o.Layer || s.Input != o.Input || s.Expert != o.Expert || s.Width() != o.Width() {
		return fmt.Errorf("layer %d, %s of %d channels and layer %d, %s of %d are not the same input: were the statistics made with one model?",
			s.Layer, s.Input, s.Width(), o.Layer, o.Input, o.Width())
	}
	if s.Rows == 0 {
		s.Columns = kernel.NewColumns(s.Width()) // kept extremes of nothing are 0
	}
	s.Samples, s.Seen, s.Rows, s.Mass = s.Samples+o.Samples, s.Seen+o.Seen, s.Rows+o.Rows, s.Mass+o.Mass
	if o.Rows > 0 {
		s.Columns.Join(o.Columns)
	}
	return nil
}

// StatsOf returns the statistics of the input that row `row` of the first
// operand is multiplied by: there is one for a whole matrix, and one for each
// expert of a stack. Nil: the step calibrates on nothing.
func (x *Pass) StatsOf(row int) *Stats {
	switch len(x.Stats) {
	case 0:
		return nil
	case 1:
		return x.Stats[0]
	}
	return x.Stats[row/(x.In[0].Shape.Rows()/len(x.Stats))]
}
