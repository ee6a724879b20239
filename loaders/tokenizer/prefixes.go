package tokenizer

import "sort"

// prefixes finds which strings of a set a text begins with. The set is sorted,
// and each byte of the text narrows the range of what is left.
type prefixes struct {
	keys  []string
	ids   []int32
	first [257]int32 // where the keys of each first byte begin
}

// newPrefixes takes strings that are not empty, and their ids.
func newPrefixes(set map[string]int32) *prefixes {
	p := &prefixes{keys: make([]string, 0, len(set))}
	for k := range set {
		if k != "" {
			p.keys = append(p.keys, k)
		}
	}
	sort.Strings(p.keys)
	p.ids = make([]int32, len(p.keys))
	next := 0
	for i, k := range p.keys {
		p.ids[i] = set[k]
		for ; next <= int(k[0]); next++ {
			p.first[next] = int32(i)
		}
	}
	for ; next < len(p.first); next++ {
		p.first[next] = int32(len(p.keys))
	}
	return p
}

// each calls f with the length and the id of each key that s begins with, the
// shortest first.
func (p *prefixes) each(s string, f func(n int, id int32)) {
	if s == "" {
		return
	}
	lo, hi := int(p.first[s[0]]), int(p.first[int(s[0])+1])
	for d := 1; lo < hi; d++ {
		if len(p.keys[lo]) == d {
			f(d, p.ids[lo])
			lo++
		}
		if d >= len(s) {
			return
		}
		lo, hi = p.narrow(lo, hi, d, s[d])
	}
}

// narrow keeps the keys of lo to hi that have c at d.
func (p *prefixes) narrow(lo, hi, d int, c byte) (int, int) {
	if lo < hi && p.keys[lo][d] == c && p.keys[hi-1][d] == c {
		return lo, hi
	}
	n := hi - lo
	a := sort.Search(n, func(i int) bool { return p.keys[lo+i][d] >= c })
	b := sort.Search(n, func(i int) bool { return p.keys[lo+i][d] > c })
	return lo + a, lo + b
}

// longest is the longest key that s begins with; n is 0 if there is none.
func (p *prefixes) longest(s string) (n int, id int32) {
	p.each(s, func(k int, i int32) { n, id = k, i })
	return n, id
}
