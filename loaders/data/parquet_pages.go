package data

import (
	"errors"
	"fmt"
	"strings"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// What rows cost beside their texts.
const (
	rowBytes   = 400 // a map
	valueBytes = 48  // an element of a list, with its share of the list's growth
	groupBytes = 200 // a map within a map, by each of its values
)

// vetPages holds all pages to the allowance before the library decodes any:
// what they really unpack to, how many values their runs say, and how long the
// texts are that indices of a dictionary stand for.
func vetPages(f *parquet.File, text []byte) error {
	v := &vetting{text: text, left: allowance(len(text)) * 3 / 4, groups: f.Metadata().RowGroups}
	if err := v.spend(f.NumRows() * rowBytes); err != nil {
		return err
	}
	return v.columns(f.Root(), 0)
}

// vetting is what is left of a file's allowance.
type vetting struct {
	text   []byte
	left   int64
	groups []format.RowGroup
}

func (v *vetting) spend(n int64) error {
	if n < 0 || n > v.left {
		return errGreedy(len(v.text))
	}
	v.left -= n
	return nil
}

// columns vets the leaves below a column.
func (v *vetting) columns(c *parquet.Column, maps int) error {
	if c.Leaf() {
		if err := v.leaf(c, maps); err != nil {
			return fmt.Errorf("column %s: %w", strings.Join(c.Path(), "."), err)
		}
		return nil
	}
	for _, below := range c.Columns() {
		inner := maps
		if !below.Leaf() {
			inner++
		}
		if err := v.columns(below, inner); err != nil {
			return err
		}
	}
	return nil
}

// leaf vets a column in all row groups. Their largest pages are in memory at
// once with those of other columns.
func (v *vetting) leaf(c *parquet.Column, maps int) error {
	most := int64(0)
	for _, g := range v.groups {
		if c.Index() >= len(g.Columns) {
			return errors.New("damaged: a row group lacks it")
		}
		k := &chunk{vetting: v, column: c, meta: &g.Columns[c.Index()].MetaData, each: valueBytes + groupBytes*int64(maps)}
		if err := k.walk(); err != nil {
			return err
		}
		most = max(most, k.dictionary+2*k.largest)
	}
	return v.spend(most)
}

// chunk is a column in one row group.
type chunk struct {
	*vetting
	column *parquet.Column
	meta   *format.ColumnMetaData
	each   int64 // bytes of a value in a row
	// lengths are those of the dictionary's texts.
	lengths []int32
	words   bool // whether there was a dictionary
	// What the dictionary and the largest page take once they are decoded.
	dictionary, largest int64
}

// walk goes over all pages as the library will find them.
func (k *chunk) walk() error {
	begin := k.meta.DataPageOffset
	if k.meta.DictionaryPageOffset != 0 {
		begin = k.meta.DictionaryPageOffset
	}
	size := k.meta.TotalCompressedSize
	if begin < 0 || size < 0 || begin > int64(len(k.text)) || size > int64(len(k.text))-begin {
		return fmt.Errorf("damaged: its pages would lie at %d to %d of %d bytes", begin, begin+size, len(k.text))
	}
	if k.column.Compression() == nil || k.column.Compression().CompressionCodec() != k.meta.Codec {
		return errors.New("its row groups are compressed in different ways, which cannot be read: write it anew")
	}
	section, entered := k.text[begin:begin+size], false
	for at := int64(0); at < size; {
		entered = entered || begin+at == k.meta.DataPageOffset
		h, n, err := pageHeader(section[at:])
		if err != nil {
			return err
		}
		at += int64(n)
		if h.CompressedPageSize < 0 || h.UncompressedPageSize < 0 || int64(h.CompressedPageSize) > size-at {
			return fmt.Errorf("damaged: a page claims %d bytes and %d are left", h.CompressedPageSize, size-at)
		}
		if err := k.page(h, section[at:at+int64(h.CompressedPageSize)]); err != nil {
			return err
		}
		at += int64(h.CompressedPageSize)
	}
	if !entered && size > 0 {
		return errors.New("damaged: its first page is not where the footer says")
	}
	return nil
}

func pageHeader(text []byte) (*format.PageHeader, int, error) {
	c := compact{text: text}
	if err := c.structure(0); err != nil {
		return nil, 0, fmt.Errorf("page: %w", err)
	}
	var protocol thrift.CompactProtocol
	h := new(format.PageHeader)
	r := protocol.NewReaderFromBytes(text[:c.at])
	if err := thrift.NewDecoder(r).Decode(h); err != nil {
		return nil, 0, fmt.Errorf("page: %w", err)
	}
	if r.BytesRead() != c.at {
		return nil, 0, errors.New("damaged: a page's header is ambiguous")
	}
	return h, c.at, nil
}

// page charges for one page.
func (k *chunk) page(h *format.PageHeader, body []byte) error {
	switch {
	case h.Type == format.DictionaryPage && h.DictionaryPageHeader.Valid:
		return k.takeDictionary(h, body)
	case h.Type == format.DataPage && h.DataPageHeader.Valid:
		data, err := k.unpack(body, int64(h.UncompressedPageSize))
		if err != nil {
			return err
		}
		d := h.DataPageHeader.V
		values, err := k.levels(data, int64(d.NumValues), d.RepetitionLevelEncoding, d.DefinitionLevelEncoding)
		if err != nil {
			return err
		}
		return k.charge(h, d.Encoding, values, int64(d.NumValues))
	case h.Type == format.DataPageV2 && h.DataPageHeaderV2.Valid:
		return k.second(h, body)
	}
	return errors.New("damaged: a page is of no kind")
}

// second takes a page of the second version, whose levels stand before what is
// compressed.
func (k *chunk) second(h *format.PageHeader, body []byte) error {
	d := h.DataPageHeaderV2.V
	rep, def, n := int64(d.RepetitionLevelsByteLength), int64(d.DefinitionLevelsByteLength), int64(d.NumValues)
	if rep < 0 || def < 0 || rep+def > int64(len(body)) || d.NumNulls < 0 || int64(d.NumNulls) > n {
		return errors.New("damaged: a page's levels are longer than it is")
	}
	if err := runs(body[:rep], bitsOf(k.column.MaxRepetitionLevel()), n+slack, nil); err != nil {
		return err
	}
	if err := runs(body[rep:rep+def], bitsOf(k.column.MaxDefinitionLevel()), n+slack, nil); err != nil {
		return err
	}
	data := body[rep+def:]
	if !d.IsCompressed.Valid || d.IsCompressed.V {
		var err error
		if data, err = k.unpack(data, int64(h.UncompressedPageSize)); err != nil {
			return err
		}
	}
	return k.charge(h, d.Encoding, data, n)
}

// charge spends what a page's values come to in rows.
func (k *chunk) charge(h *format.PageHeader, e format.Encoding, data []byte, n int64) error {
	payload, err := k.payload(e, data, n)
	if err != nil {
		return err
	}
	page := int64(h.CompressedPageSize) + int64(h.UncompressedPageSize) + 16*n
	if e != format.PlainDictionary && e != format.RLEDictionary {
		page += payload
	}
	k.largest = max(k.largest, page)
	return k.spend(n*k.each + payload)
}

// takeDictionary notes how long the texts of a dictionary are.
func (k *chunk) takeDictionary(h *format.PageHeader, body []byte) error {
	d := h.DictionaryPageHeader.V
	if k.words {
		return errors.New("damaged: it has two dictionaries")
	}
	data, err := k.unpack(body, int64(h.UncompressedPageSize))
	if err != nil {
		return err
	}
	if d.Encoding != format.Plain && d.Encoding != format.PlainDictionary {
		return fmt.Errorf("its dictionary has the encoding %v, which cannot be read", d.Encoding)
	}
	n := int64(d.NumValues)
	if width := k.width(); n < 0 || n > int64(len(data)) || width > 0 && n*width > int64(len(data)) {
		return fmt.Errorf("damaged: a dictionary of %d bytes claims %d values", len(data), n)
	}
	k.words, k.dictionary = true, 2*int64(len(data)+len(body))+8*n
	if k.width() == 0 {
		k.lengths, err = textLengths(data, n)
	}
	return err
}
