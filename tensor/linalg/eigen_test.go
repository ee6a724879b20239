package linalg

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// symmetricCases are matrices that divide and conquer finds easy and hard.
func symmetricCases(n int) map[string][]float64 {
	r := rand.New(rand.NewPCG(1, uint64(n)))
	cases := map[string][]float64{}
	fill := func(name string, f func(i, j int) float64) {
		a := make([]float64, n*n)
		for i := range n {
			for j := i; j < n; j++ {
				v := f(i, j)
				a[i*n+j], a[j*n+i] = v, v
			}
		}
		cases[name] = a
	}
	fill("random", func(i, j int) float64 { return r.NormFloat64() })
	fill("huge", func(i, j int) float64 { return 1e300 * r.Float64() })
	fill("tiny", func(i, j int) float64 { return 1e-300 * r.Float64() })
	fill("zero", func(i, j int) float64 { return 0 })
	fill("identity", func(i, j int) float64 { return map[bool]float64{true: 1}[i == j] })
	fill("ones", func(i, j int) float64 { return 1 })
	fill("hilbert", func(i, j int) float64 { return 1 / float64(i+j+1) })
	fill("graded", func(i, j int) float64 { return r.NormFloat64() * math.Pow(10, -20*float64(i+j)/float64(n)) })
	fill("graded up", func(i, j int) float64 { return r.NormFloat64() * math.Pow(10, 20*float64(i+j)/float64(n)-40) })
	fill("wilkinson", func(i, j int) float64 {
		switch j - i {
		case 0:
			return math.Abs(float64(n-1)/2 - float64(i))
		case 1:
			return 1
		}
		return 0
	})
	fill("toeplitz", func(i, j int) float64 { return map[int]float64{0: 2, 1: -1}[j-i] })
	u := make([]float64, 3*n)
	for i := range u {
		u[i] = r.NormFloat64()
	}
	fill("rank three", func(i, j int) float64 { return u[i]*u[j] - u[n+i]*u[n+j] + u[2*n+i]*u[2*n+j] })
	fill("clustered", func(i, j int) float64 {
		v := u[i] * u[j] * 1e-12
		if i == j {
			v += float64(i % 3)
		}
		return v
	})
	return cases
}

// residualSymmetric is |A - V' D V| / |A| and |V V' - I| in the Frobenius norm.
func residualSymmetric(a []float64, n int, e *Eigen) (residual, orthogonality float64) {
	largest := 1e-320
	for _, v := range a {
		largest = max(largest, math.Abs(v))
	}
	var diff, norm, off float64
	scaled := NewMatrix(n, n)
	for k := range n {
		for i, v := range e.Vectors.Row(k) {
			scaled.Data[k*n+i] = v * (e.Values[k] / largest)
		}
	}
	product, gram := make([]float64, n*n), make([]float64, n*n)
	j := &job{context.Background(), 2}
	_ = j.multiply(true, false, n, n, n, 1, e.Vectors.Data, n, scaled.Data, n, 0, product, n)
	_ = j.multiply(false, true, n, n, n, 1, e.Vectors.Data, n, e.Vectors.Data, n, 0, gram, n)
	for i, v := range a {
		v /= largest
		diff += (v - product[i]) * (v - product[i])
		norm += v * v
	}
	for i := range n {
		gram[i*n+i]--
	}
	for _, v := range gram {
		off += v * v
	}
	return math.Sqrt(diff) / max(math.Sqrt(norm), 1e-300), math.Sqrt(off)
}

func TestSymmetric(t *testing.T) {
	for _, n := range []int{1, 2, 3, 5, 33, 70, 150} {
		for name, a := range symmetricCases(n) {
			t.Run(fmt.Sprint(name, " ", n), func(t *testing.T) {
				e, err := Symmetric(context.Background(), a, n)
				if err != nil {
					t.Fatal(err)
				}
				residual, orthogonality := residualSymmetric(a, n, e)
				if residual > 1e-13 || orthogonality > 1e-13 {
					t.Errorf("residual %.3g, orthogonality %.3g", residual, orthogonality)
				}
				values, err := SymmetricValues(context.Background(), a, n)
				if err != nil {
					t.Fatal(err)
				}
				span := max(math.Abs(values[0]), math.Abs(values[n-1]))
				for k, v := range e.Values {
					if k > 0 && v < e.Values[k-1] {
						t.Error("eigenvalues out of order")
					}
					if math.Abs(v-values[k]) > 1e-14*float64(n)*span {
						t.Errorf("eigenvalue %d is %v with vectors, %v without", k, v, values[k])
					}
					if signOf(e.Vectors.Row(k)) < 0 {
						t.Errorf("eigenvector %d has the wrong sign", k)
					}
				}
			})
		}
	}
}
