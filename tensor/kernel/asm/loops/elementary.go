package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The places of the constants in the package's table of coefficients.
const (
	cLeast, cMost, cLog2e, cMagic, cLn2Hi, cLn2Lo, cOne = 0, 1, 2, 3, 4, 5, 6

	cExp, nExp                             = 7, 5
	cTiny, cStep, cSteps, cRootHalf, cHalf = 12, 13, 14, 15, 16
	cLog, nLog                             = 17, 8
	cInf, cLess, cNaN                      = 25, 26, 27
	cBend, cTwo, cTanh, nTanh              = 28, 29, 30, 5
	cTail, cNormal, nNormal                = 35, 36, 9
	cGelu, cCubic                          = 45, 46
)

// coefficients is that table: in registers where there are enough, otherwise
// in memory.
type coefficients struct {
	isa
	at   reg.GPVirtual
	kept map[int]reg.VecVirtual
}

// constants loads all that are used from first to last, in pairs.
func (s isa) constants(ranges ...int) coefficients {
	c := coefficients{s, ptr("c"), map[int]reg.VecVirtual{}}
	for i := 0; s.wide && i < len(ranges); i += 2 {
		for j := ranges[i]; j < ranges[i]+ranges[i+1]; j++ {
			c.kept[j] = c.load(j)
		}
	}
	return c
}

func (c coefficients) load(i int) reg.VecVirtual {
	v := c.vec()
	VBROADCASTSS(at(c.at, 4*i), v)
	return v
}

func (c coefficients) get(i int) reg.VecVirtual {
	if v, ok := c.kept[i]; ok {
		return v
	}
	return c.load(i)
}

// series is a polynomial in x whose n coefficients begin at first, two of them
// at a time: half as long a wait as one by one, and no more work.
func (c coefficients) series(x, square reg.VecVirtual, first, n int) reg.VecVirtual {
	pair := func(i int) reg.VecVirtual {
		p := c.vec()
		VMULPS(c.get(first+i+1), x, p)
		VADDPS(c.get(first+i), p, p)
		return p
	}
	p := c.vec()
	if n%2 == 0 {
		p = pair(n - 2)
	} else {
		VMOVAPS(c.get(first+n-1), p)
	}
	for i := (n-1)/2*2 - 2; i >= 0; i -= 2 {
		VMULPS(square, p, p)
		VADDPS(pair(i), p, p)
	}
	return p
}

// abs clears the sign.
func (c coefficients) abs(x reg.VecVirtual) reg.VecVirtual {
	v := c.vec()
	VPSLLD(Imm(1), x, v)
	VPSRLD(Imm(1), v, v)
	return v
}

// elementary builds the loops that map every element by a function.
func (s isa) elementary() {
	s.shiftedExp()
	for _, f := range []struct {
		name   string
		of     func(c coefficients, x reg.VecVirtual) reg.VecVirtual
		ranges []int
	}{
		{"log", coefficients.log, []int{cLn2Hi, 3, cTiny, 16}},
		{"tanh", coefficients.tanh, []int{0, 12, cBend, 7}},
		{"sigmoid", coefficients.sigmoid, []int{0, 12}},
		{"silu", coefficients.silu, []int{0, 12}},
		{"gelu", coefficients.gelu, []int{0, 12, cTail, 10}},
		{"geluTanh", coefficients.geluTanh, []int{0, 12, cGelu, 2}},
	} {
		s.begin(f.name, "func(dst, x *float32, n int, c *float32)")
		Doc(f.name + " needs n to be a multiple of a vector.")
		dst, x, n, c := ptr("dst"), ptr("x"), ptr("n"), s.constants(f.ranges...)
		each("loop", n, s.lanes, func(i reg.GPVirtual) {
			v := s.vec()
			VMOVUPS(elem(x, i, 0), v)
			VMOVUPS(f.of(c, v), elem(dst, i, 0))
		})
		end()
	}
}

func (s isa) shiftedExp() {
	s.begin("shiftedExp", "func(dst, x *float32, shift float32, n int, c *float32)")
	Doc("shiftedExp needs n to be a multiple of a vector.")
	dst, x, n, shift, c := ptr("dst"), ptr("x"), ptr("n"), s.param32("shift"), s.constants(0, 12)
	each("loop", n, s.lanes, func(i reg.GPVirtual) {
		v := s.vec()
		VMOVUPS(elem(x, i, 0), v)
		VSUBPS(shift, v, v)
		VMOVUPS(c.exp(v), elem(dst, i, 0))
	})
	end()
}

// exp is 2^k times the exponential of what is left, whose lost low part is
// added again.
func (c coefficients) exp(x reg.VecVirtual) reg.VecVirtual {
	v, k, t, r, low, q := c.vec(), c.vec(), c.vec(), c.vec(), c.vec(), c.vec()
	VMINPS(x, c.get(cMost), v)
	VMAXPS(v, c.get(cLeast), v)
	VMULPS(c.get(cLog2e), v, k)
	VADDPS(c.get(cMagic), k, k)
	n := c.vec()
	if !c.wide {
		VPSUBD(c.get(cMagic), k, n)
	}
	VSUBPS(c.get(cMagic), k, k)
	VMULPS(c.get(cLn2Hi), k, t)
	VSUBPS(t, v, v)
	VMULPS(c.get(cLn2Lo), k, t)
	VSUBPS(t, v, r)
	VSUBPS(r, v, low)
	VSUBPS(t, low, low)
	VMULPS(r, r, q)
	p := c.series(r, q, cExp, nExp)
	VMULPS(q, p, p)
	VADDPS(low, p, p)
	VADDPS(r, p, p)
	VADDPS(c.get(cOne), p, p)
	if c.wide {
		VSCALEFPS(k, p, p)
		return p
	}
	c.scale(p, n)
	return p
}

// scale multiplies by 2^n in two steps, the first of which is exact.
func (c coefficients) scale(p, n reg.VecVirtual) {
	half := c.vec()
	VPSRAD(Imm(1), n, half)
	VPSUBD(half, n, n)
	for _, e := range []reg.VecVirtual{half, n} {
		VPSLLD(Imm(23), e, e)
		VPADDD(c.get(cOne), e, e)
		VMULPS(e, p, p)
	}
}

// log parts x into 2^e and a factor near one; denormals are scaled first.
func (c coefficients) log(x reg.VecVirtual) reg.VecVirtual {
	v, up, e, steps := c.copied(x), c.vec(), c.vec(), c.zero()
	tiny := c.compare(x, c.get(cTiny), 1)
	VMULPS(c.get(cStep), x, up)
	c.blend(tiny, up, v)
	c.blend(tiny, c.get(cSteps), steps)
	VPSUBD(c.get(cRootHalf), v, e)
	VPSRAD(Imm(23), e, e)
	VPSLLD(Imm(23), e, up)
	VPSUBD(up, v, v)
	VCVTDQ2PS(e, e)
	VADDPS(steps, e, e)
	VSUBPS(c.get(cOne), v, v)
	y := c.logSum(v, e)
	c.blend(c.compare(x, c.get(cInf), 5), x, y)
	zero := c.zero()
	c.blend(c.compare(x, zero, 0), c.get(cLess), y)
	c.blend(c.compare(x, zero, 1), c.get(cNaN), y)
	return y
}

// logSum is log(1+f) + e*log(2), the large parts added last.
func (c coefficients) logSum(f, e reg.VecVirtual) reg.VecVirtual {
	square, t := c.vec(), c.vec()
	VMULPS(f, f, square)
	y := c.series(f, square, cLog, nLog)
	VMULPS(f, square, t)
	VMULPS(t, y, y)
	VMULPS(c.get(cLn2Lo), e, t)
	VADDPS(t, y, y)
	VMULPS(c.get(cHalf), square, square)
	VSUBPS(square, y, y)
	VADDPS(f, y, y)
	VMULPS(c.get(cLn2Hi), e, t)
	VADDPS(t, y, y)
	return y
}

// tanh is a series where x is small and 1-2/(exp(2x)+1) elsewhere.
func (c coefficients) tanh(x reg.VecVirtual) reg.VecVirtual {
	a, z, twice := c.abs(x), c.vec(), c.vec()
	VADDPS(a, a, twice)
	e := c.exp(twice)
	VADDPS(c.get(cOne), e, e)
	VDIVPS(e, c.get(cTwo), e)
	y := c.vec()
	VSUBPS(e, c.get(cOne), y)
	VMULPS(a, a, z)
	square := c.vec()
	VMULPS(z, z, square)
	p := c.series(z, square, cTanh, nTanh)
	VMULPS(a, z, z)
	VMULPS(z, p, p)
	VADDPS(a, p, p)
	c.blend(c.compare(a, c.get(cBend), 1), p, y)
	c.signed(x, y)
	return y
}

// signed gives y the sign of x; y has none.
func (c coefficients) signed(x, y reg.VecVirtual) {
	sign := c.vec()
	VPSRLD(Imm(31), x, sign)
	VPSLLD(Imm(31), sign, sign)
	VORPS(sign, y, y)
}

// sigmoid is 1/(1+e) or e/(1+e), with e at most one.
func (c coefficients) sigmoid(x reg.VecVirtual) reg.VecVirtual {
	e, d := c.exp(c.negative(x)), c.vec()
	VADDPS(c.get(cOne), e, d)
	top := c.copied(c.get(cOne))
	c.blend(c.compare(x, c.zero(), 1), e, top)
	VDIVPS(d, top, top)
	return top
}

// negative is -|x|.
func (c coefficients) negative(x reg.VecVirtual) reg.VecVirtual {
	v := c.vec()
	VSUBPS(c.abs(x), c.zero(), v)
	return v
}

func (c coefficients) silu(x reg.VecVirtual) reg.VecVirtual {
	s := c.sigmoid(x)
	VMULPS(x, s, s)
	return s
}

// geluTanh is x*sigmoid(2u), which is the same as x*(1+tanh(u))/2.
func (c coefficients) geluTanh(x reg.VecVirtual) reg.VecVirtual {
	u := c.vec()
	VMULPS(x, x, u)
	VMULPS(c.get(cCubic), u, u)
	VADDPS(c.get(cGelu), u, u)
	VMULPS(x, u, u)
	s := c.sigmoid(u)
	VMULPS(x, s, s)
	return s
}

// gelu is x times the normal distribution, whose tail is exp(-x*x/2) times a
// series in 1/(1+p|x|).
func (c coefficients) gelu(x reg.VecVirtual) reg.VecVirtual {
	a, t, half := c.abs(x), c.vec(), c.vec()
	VMULPS(c.get(cTail), a, t)
	VADDPS(c.get(cOne), t, t)
	VDIVPS(t, c.get(cOne), t)
	square := c.vec()
	VMULPS(t, t, square)
	p := c.series(t, square, cNormal, nNormal)
	VMULPS(t, p, p)
	VMULPS(c.get(cHalf), x, half)
	VMULPS(x, half, half)
	VSUBPS(half, c.zero(), half)
	e := c.exp(half)
	VMULPS(e, p, p)
	y := c.vec()
	VSUBPS(p, c.get(cOne), y)
	c.blend(c.compare(x, c.zero(), 1), p, y)
	VMULPS(x, y, y)
	return y
}
