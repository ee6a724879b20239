package ops

import "context"

// StudyKernel runs models for the sake of a step's tensors. It is run once,
// before the first unit that says Study is computed, and what it found is kept by
// the cache.
type StudyKernel[P any] struct {
	// Ports lists the models that are run, by these params. Without any there is
	// no study.
	Ports func(p *P) []int
	// Run finds what units find as Pass.Found; its Notes are words for the user. As
	// that of a ScoreKernel it must not depend on x.Workers, x.Memory and x.Scratch.
	Run func(ctx context.Context, p *P, x *Trial) (Result, error)
}

// Study is a StudyKernel with hidden params.
type Study struct {
	Ports func(params any) []int
	Run   func(ctx context.Context, params any, x *Trial) (Result, error)
}

func (k *StudyKernel[P]) hide() *Study {
	if k == nil {
		return nil
	}
	return &Study{
		Ports: func(p any) []int { return k.Ports(p.(*P)) },
		Run:   func(ctx context.Context, p any, x *Trial) (Result, error) { return k.Run(ctx, p.(*P), x) },
	}
}
