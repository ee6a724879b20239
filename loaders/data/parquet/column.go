package parquet

import (
	"errors"
	"fmt"
	"math/bits"
)

// column is a leaf of the schema, and a cursor over its values in a row group:
// one page of them at a time.
type column struct {
	name     string
	physical physical
	length   int // bytes of a value, 0 where they differ
	maxDef   uint8
	maxRep   uint8
	boxing   boxing

	r    *reader
	at   int64 // of the next page
	left int64 // values in pages that were not read yet
	code int32 // codec
	dict []any

	n, i       int     // values of the page, nulls too, and which is next
	defs, reps []uint8 // their levels, nil where all are 0
	values     []any   // those that are not null
	v          int     // which of those is next
}

// open goes to the beginning of a row group's column.
func (c *column) open(r *reader, k chunk) error {
	switch {
	case k.physical != c.physical:
		return errors.New("damaged: a row group has another type than the schema")
	case k.values > 0 && (k.at < 4 || k.at > r.end):
		return fmt.Errorf("damaged: it begins at byte %d of %d", k.at, r.end)
	}
	c.r, c.at, c.left, c.code = r, k.at, k.values, k.codec
	c.dict, c.n, c.i, c.values, c.v = nil, 0, 0, c.values[:0], 0
	return checkCodec(k.codec)
}

// more says whether a value is left, and reads its page.
func (c *column) more() (bool, error) {
	for c.i == c.n {
		if c.left == 0 {
			return false, nil
		}
		if err := c.page(); err != nil {
			return false, err
		}
	}
	return true, nil
}

// def is the definition level of the value that is next, and rep its repetition
// level.
func (c *column) def() uint8 {
	if c.defs == nil {
		return 0
	}
	return c.defs[c.i]
}

func (c *column) rep() uint8 {
	if c.reps == nil {
		return 0
	}
	return c.reps[c.i]
}

// take is the value that is next; nil is null.
func (c *column) take() any {
	d := c.def()
	c.i++
	if d < c.maxDef {
		return nil
	}
	c.v++
	return c.values[c.v-1]
}

// page reads the page that is next.
func (c *column) page() error {
	p, size, err := readPage(c.r.file[c.at:c.r.end])
	if err != nil {
		return err
	}
	c.at += int64(size)
	// Reading too costs something, so that row groups which name the same empty
	// page again and again come to an end.
	if err := c.r.spend(256 + int64(size) + int64(p.size)); err != nil {
		return err
	}
	switch p.kind {
	case dictionaryPage:
		return c.dictionary(p)
	case dataPage, dataPage2:
		return c.data(p)
	}
	return nil // an index
}

// slot is what a value takes of memory: two levels, the value as it is decoded
// and as it is boxed.
const slot = 2 + 16 + 16 + 16

func (c *column) spendValues(n int32) error {
	return c.r.spend(int64(n) * (slot + c.boxing.cost))
}

func (c *column) dictionary(p *page) error {
	if p.encoding != plain && p.encoding != plainDictionary {
		return fmt.Errorf("damaged: a dictionary has the encoding %d", p.encoding)
	}
	if err := c.spendValues(p.values); err != nil {
		return err
	}
	_, _, body, err := p.inflated(&c.r.inflater, c.code)
	if err != nil {
		return err
	}
	if err := c.decode(plain, body, int(p.values)); err != nil {
		return err
	}
	c.dict, c.values = c.values, nil
	return nil
}

func (c *column) data(p *page) error {
	if int64(p.values) > c.left {
		return errors.New("damaged: its pages have more values than it says")
	}
	if err := c.spendValues(p.values); err != nil {
		return err
	}
	c.left -= int64(p.values)
	reps, defs, body, err := p.inflated(&c.r.inflater, c.code)
	if err != nil {
		return err
	}
	c.n, c.i, c.v = int(p.values), 0, 0
	c.defs, c.reps = c.room(c.defs, c.maxDef), c.room(c.reps, c.maxRep)
	if p.kind == dataPage2 {
		err = c.levels2(reps, defs)
	} else {
		body, err = c.levels1(p, body)
	}
	if err != nil {
		return err
	}
	return c.decode(p.encoding, body, c.present())
}

// room gives a slice for the levels of a page.
func (c *column) room(levels []uint8, most uint8) []uint8 {
	if most == 0 {
		return nil
	}
	return grown(levels, c.n)
}

func (c *column) levels1(p *page, body []byte) ([]byte, error) {
	body, err := levels(c.reps, body, c.maxRep, p.repCoding)
	if err != nil {
		return nil, err
	}
	return levels(c.defs, body, c.maxDef, p.defCoding)
}

func (c *column) levels2(reps, defs []byte) error {
	if err := hybrid(c.reps, reps, bits.Len8(c.maxRep)); err != nil {
		return err
	}
	if err := checkLevels(c.reps, c.maxRep); err != nil {
		return err
	}
	if err := hybrid(c.defs, defs, bits.Len8(c.maxDef)); err != nil {
		return err
	}
	return checkLevels(c.defs, c.maxDef)
}

// present counts the values of the page that are not null.
func (c *column) present() int {
	if c.defs == nil {
		return c.n
	}
	n := 0
	for _, d := range c.defs {
		if d == c.maxDef {
			n++
		}
	}
	return n
}
