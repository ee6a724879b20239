package parquet

import (
	"errors"
	"fmt"
	"hash/crc32"
	"math/bits"
)

// Types of pages.
const (
	dataPage       = 0
	dictionaryPage = 2
	dataPage2      = 3
)

// Encodings.
const (
	plain           = 0
	plainDictionary = 2
	runLength       = 3
	bitPacked       = 4
	deltaPacked     = 5
	deltaLength     = 6
	deltaPrefix     = 7
	dictionaryCoded = 8
	streamSplit     = 9
)

// page is a page's header and its bytes, as they are in the file.
type page struct {
	kind               int32
	size, stored       int32 // in bytes, of which stored are in the file
	sum                uint32
	summed             bool
	values             int32
	encoding           int32
	defCoding          int32
	repCoding          int32
	defBytes, repBytes int32 // of a version 2 page, whose levels are not compressed
	plain              bool  // a version 2 page's values are not compressed either
	body               []byte
}

// readPage reads the page at the beginning of src, and says how long it is.
func readPage(src []byte) (*page, int, error) {
	p := &page{kind: -1, size: -1, stored: -1, values: -1, defCoding: runLength, repCoding: runLength}
	head, err := decode(src, p.field)
	switch {
	case err != nil:
		return nil, 0, fmt.Errorf("damaged: a page's head: %w", err)
	case p.kind < 0 || p.size < 0 || p.stored < 0 || int(p.stored) > len(src)-head:
		return nil, 0, errors.New("damaged: a page ends behind the end of the file")
	case p.size > maxPage:
		return nil, 0, fmt.Errorf("a page has %d bytes, and may have %d: rewrite the file with smaller pages", p.size, maxPage)
	}
	p.body = src[head : head+int(p.stored)]
	if p.summed && crc32.ChecksumIEEE(p.body) != p.sum {
		return nil, 0, errors.New("damaged: the sum of a page is not what its head says: fetch the file again")
	}
	isData := p.kind == dataPage || p.kind == dataPage2 || p.kind == dictionaryPage
	if isData && p.values < 0 {
		return nil, 0, errors.New("damaged: a page does not say how many values it has")
	}
	return p, head + int(p.stored), nil
}

func (p *page) field(t *thrift, id int16) {
	switch id {
	case 1:
		p.kind = t.int32()
	case 2:
		p.size = t.int32()
	case 3:
		p.stored = t.int32()
	case 4:
		p.sum, p.summed = uint32(t.int32()), true
	case 5, 7:
		t.record(func(id int16) { p.version1(t, id) })
	case 8:
		t.record(func(id int16) { p.version2(t, id) })
	}
}

// version1 reads a field of the head of a data page, or of a dictionary, whose
// fields begin alike.
func (p *page) version1(t *thrift, id int16) {
	switch id {
	case 1:
		p.values = t.int32()
	case 2:
		p.encoding = t.int32()
	case 3:
		if p.kind == dataPage {
			p.defCoding = t.int32()
		}
	case 4:
		p.repCoding = t.int32()
	}
}

func (p *page) version2(t *thrift, id int16) {
	switch id {
	case 1:
		p.values = t.int32()
	case 4:
		p.encoding = t.int32()
	case 5:
		p.defBytes = t.int32()
	case 6:
		p.repBytes = t.int32()
	case 7:
		p.plain = !t.bool()
	}
}

// inflated is the page's bytes, and of version 2 the repetition and definition
// levels before them.
func (p *page) inflated(f *inflater, codec int32) (reps, defs, body []byte, err error) {
	if p.kind != dataPage2 {
		body, err = f.inflate(codec, p.body, int(p.size))
		return nil, nil, body, err
	}
	r, d := int64(p.repBytes), int64(p.defBytes)
	if r < 0 || d < 0 || r+d > int64(len(p.body)) || r+d > int64(p.size) {
		return nil, nil, nil, errors.New("damaged: a page's levels are longer than it")
	}
	reps, defs, body = p.body[:r], p.body[r:r+d], p.body[r+d:]
	size := int(p.size) - int(r+d)
	if p.plain {
		codec = uncompressed
	}
	if len(body) == 0 { // only nulls
		return reps, defs, nil, nil
	}
	body, err = f.inflate(codec, body, size)
	return reps, defs, body, err
}

// levels reads levels up to most from the beginning of a version 1 page, and
// gives the rest.
func levels(out []uint8, src []byte, most uint8, coding int32) (rest []byte, err error) {
	if most == 0 {
		return src, nil
	}
	size, width := 0, bits.Len8(most)
	switch coding {
	case bitPacked:
		if size = (len(out)*width + 7) / 8; size > len(src) {
			return nil, errShort
		}
		err = packedLevels(out, src, width)
	case runLength:
		if size, err = prefix(src); err != nil {
			return nil, err
		}
		src = src[4:]
		err = hybrid(out, src[:size], width)
	default:
		err = fmt.Errorf("damaged: levels have the encoding %d", coding)
	}
	if err != nil {
		return nil, err
	}
	return src[size:], checkLevels(out, most)
}

func checkLevels(levels []uint8, most uint8) error {
	for _, l := range levels {
		if l > most {
			return fmt.Errorf("damaged: a level is %d, and may be %d", l, most)
		}
	}
	return nil
}
