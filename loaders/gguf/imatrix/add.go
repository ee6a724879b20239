package imatrix

import (
	"fmt"
	"slices"
)

// Add adds what a matrix of the same model over other texts holds, as
// llama-imatrix joins files.
func (m *Matrix) Add(o *Matrix) error {
	if m.chunk() != o.chunk() && len(m.Entries) > 0 {
		m.Chunks = m.Chunks * m.chunk() / o.chunk() // counted in those of the later
	}
	m.Chunks, m.ChunkSize = m.Chunks+o.Chunks, o.chunk()
	m.Datasets = append(m.Datasets, o.Datasets...)
	for _, e := range o.Entries {
		i := slices.IndexFunc(m.Entries, func(own Entry) bool { return own.Name == e.Name })
		if i < 0 {
			m.Entries = append(m.Entries, Entry{e.Name, slices.Clone(e.Sums), slices.Clone(e.Counts)})
			continue
		}
		if err := m.Entries[i].add(e); err != nil {
			return err
		}
	}
	return m.Sort()
}

// add adds sums and counts. One count for all experts, as the older form has it,
// counts for each.
func (e *Entry) add(o Entry) error {
	if len(e.Sums) != len(o.Sums) {
		return fmt.Errorf("entry %q has %d sums in one and %d in the other: are both matrices of one model?", e.Name, len(e.Sums), len(o.Sums))
	}
	counts, more := e.Counts, o.Counts
	n := max(len(counts), len(more))
	if len(counts) < n && len(counts) > 1 || len(more) < n && len(more) > 1 {
		return fmt.Errorf("entry %q has %d counts in one and %d in the other: are both matrices of one model?", e.Name, len(counts), len(more))
	}
	e.Counts = make([]int64, n)
	for i := range e.Counts {
		e.Counts[i] = counts[min(i, len(counts)-1)] + more[min(i, len(more)-1)]
	}
	for i, v := range o.Sums {
		e.Sums[i] += v
	}
	return nil
}
