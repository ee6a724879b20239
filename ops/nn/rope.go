package nn

import (
	"fmt"
	"math"
)

// rope turns the first dims elements of queries and keys.
type rope struct {
	scaling
	dims      int
	theta     float64
	positions int // that the config states
	original  int // that the model was trained with first
}

// scaling stretches the frequencies beyond what was trained.
type scaling struct {
	kind                    string
	factor                  float64
	low, high               float64 // llama3
	betaFast, betaSlow      float64 // yarn
	truncate                bool
	attention               float64 // yarn, longrope: factor of cos and sin; 0: computed
	mscale, mscaleAll       float64
	shortFactor, longFactor []float64
}

// byLength says that the frequencies depend on the length of the sequence.
func (r *rope) byLength() bool { return r.kind == "dynamic" || r.kind == "longrope" }

// class tells lengths apart that have different frequencies.
func (r *rope) class(length int) int {
	switch {
	case r.kind == "dynamic" && length > r.positions:
		return length
	case r.kind == "longrope" && length > r.original:
		return 1
	}
	return 0
}

// frequencies returns the angle that each pair turns by from one position to
// the next, and the factor of cos and sin, for a sequence of that length.
func (r *rope) frequencies(length int) (freq []float32, factor float32) {
	theta := r.theta
	if r.kind == "dynamic" {
		n, p := float64(max(length, r.positions)), float64(r.positions)
		theta *= math.Pow(r.factor*n/p-(r.factor-1), float64(r.dims)/float64(r.dims-2))
	}
	freq = plainFrequencies(r.dims, r.dims, theta)
	switch r.kind {
	case "linear":
		for i := range freq {
			freq[i] /= float32(r.factor)
		}
	case "llama3":
		r.llama3(freq)
	case "yarn":
		r.yarn(freq)
		return freq, float32(r.yarnAttention())
	case "longrope":
		return r.longrope(length)
	case "proportional":
		return r.proportional(), 1
	}
	return freq, 1
}

// plainFrequencies is theta^(-2i/over) for the first dims/2 pairs, rounded as
// torch does in float32.
func plainFrequencies(dims, over int, theta float64) []float32 {
	freq := make([]float32, (dims+1)/2)
	for i := range freq {
		freq[i] = 1 / power32(theta, i, over)
	}
	return freq
}

func power32(theta float64, i, over int) float32 {
	return float32(math.Pow(theta, float64(float32(2*i)/float32(over))))
}

// llama3 slows what turns slowly, and some of what lies between (Llama 3.1).
func (r *rope) llama3(freq []float32) {
	original, factor := float32(r.original), float32(r.factor)
	longest, shortest := float32(float64(r.original)/r.low), float32(float64(r.original)/r.high)
	for i, w := range freq {
		wave := float32(1/w) * float32(2*math.Pi) // torch divides a number by a tensor so
		switch {
		case wave > longest:
			freq[i] = w / factor
		case wave >= shortest:
			smooth := (float32(float32(1/wave)*original) - float32(r.low)) / float32(r.high-r.low)
			freq[i] = float32(float32((1-smooth)*w)/factor) + float32(smooth*w)
		}
	}
}

// yarn slows pairs by how often they turn over the trained length (Peng et al.
// 2023, arXiv:2309.00071).
func (r *rope) yarn(freq []float32) {
	turns := func(n float64) float64 {
		return float64(r.dims) * math.Log(float64(r.original)/(n*2*math.Pi)) / (2 * math.Log(r.theta))
	}
	lo, hi := turns(r.betaFast), turns(r.betaSlow)
	if r.truncate {
		lo, hi = math.Floor(lo), math.Ceil(hi)
	}
	lo, hi = max(lo, 0), min(hi, float64(r.dims-1))
	if lo == hi {
		hi += 0.001
	}
	for i, w := range freq {
		keep := 1 - float32(min(max((float64(i)-lo)/(hi-lo), 0), 1))
		slow := 1 / (float32(r.factor) * power32(r.theta, i, r.dims))
		freq[i] = float32(slow*(1-keep)) + float32(w*keep)
	}
}

func (r *rope) yarnAttention() float64 {
	magnitude := func(scale float64) float64 {
		if r.factor <= 1 {
			return 1
		}
		return 0.1*scale*math.Log(r.factor) + 1
	}
	switch {
	case r.attention != 0:
		return r.attention
	case r.mscale != 0 && r.mscaleAll != 0:
		return magnitude(r.mscale) / magnitude(r.mscaleAll)
	}
	return magnitude(1)
}

// longrope divides each frequency by a factor of its own (Ding et al. 2024,
// arXiv:2402.13753), one list for short sequences and one for long.
func (r *rope) longrope(length int) ([]float32, float32) {
	ext := r.shortFactor
	if length > r.original {
		ext = r.longFactor
	}
	freq := make([]float32, r.dims/2)
	for i := range freq {
		freq[i] = 1 / (float32(ext[i]) * power32(r.theta, i, r.dims))
	}
	if r.attention != 0 {
		return freq, float32(r.attention)
	}
	if r.factor <= 1 {
		return freq, 1
	}
	return freq, float32(math.Sqrt(1 + math.Log(r.factor)/math.Log(float64(r.original))))
}

// proportional turns the first pairs as if all did, and leaves the rest. Dims
// is the whole head here, and factor slows.
func (r *rope) proportional() []float32 {
	freq := make([]float32, r.dims/2)
	for i := range min(len(freq), int(r.low)) {
		freq[i] = 1 / power32(r.theta, i, r.dims) / float32(r.factor)
	}
	return freq
}

func (r *rope) check() error {
	half := r.dims / 2
	switch {
	case r.dims < 2 || r.dims%2 != 0:
		return fmt.Errorf("config.json: head_dim and partial_rotary_factor make a rotation of %d elements: it must be even", r.dims)
	case r.kind == "longrope" && (len(r.shortFactor) != half || len(r.longFactor) != half):
		return fmt.Errorf("config.json: longrope needs short_factor and long_factor of %d numbers", half)
	case r.kind == "llama3" && (r.low <= 0 || r.high <= r.low):
		return fmt.Errorf("config.json: llama3 scaling needs 0 < low_freq_factor < high_freq_factor")
	case r.kind == "dynamic" && r.dims == 2:
		return fmt.Errorf("config.json: dynamic scaling cannot rotate only two elements")
	}
	return nil
}
