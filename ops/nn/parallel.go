package nn

import "github.com/rouxml/roux/tensor/kernel/gemm"

// split cuts 0..n into pieces of about each and lets workers take them. What a
// piece computes must not depend on the cut.
func split(workers, n, each int, run func(from, to int)) {
	each = max(each, 1)
	gemm.Share(workers, (n+each-1)/each, func(i int) { run(i*each, min((i+1)*each, n)) })
}

// rowsEach is how many rows make a piece that is worth handing over.
func rowsEach(cols int) int { return max(1, 1<<15/max(cols, 1)) }
