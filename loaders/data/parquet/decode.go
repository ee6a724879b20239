package parquet

import (
	"errors"
	"fmt"
)

// decode reads n values of a page into c.values.
func (c *column) decode(encoding int32, body []byte, n int) error {
	c.values = grown(c.values, n)
	if n == 0 {
		return nil
	}
	if encoding == plainDictionary || encoding == dictionaryCoded {
		return c.lookUp(body, n)
	}
	v := &c.r.raw
	if err := c.read(v, encoding, body, n); err != nil {
		return err
	}
	if c.hasTexts() {
		for i, text := range v.texts {
			if c.boxing.most > 0 && len(text) > c.boxing.most {
				return fmt.Errorf("a decimal has %d bytes, and may have %d", len(text), c.boxing.most)
			}
			c.values[i] = c.boxing.of(value{text: text})
		}
		clear(v.texts) // the page that they share may go
		return nil
	}
	for i, word := range v.words {
		c.values[i] = c.boxing.of(value{word: word})
	}
	return nil
}

// hasTexts says whether the column's values have bytes, and are no numbers.
func (c *column) hasTexts() bool {
	return c.physical == byteArrays || c.physical == fixedArrays || c.physical == int96s
}

// lookUp reads indices into the dictionary, behind a byte that is their width.
func (c *column) lookUp(body []byte, n int) error {
	if c.dict == nil {
		return errors.New("damaged: it has no dictionary, and a page needs one")
	}
	if len(body) == 0 {
		return errShort
	}
	c.r.indices = grown(c.r.indices, n)
	if err := hybrid(c.r.indices, body[1:], int(body[0])); err != nil {
		return err
	}
	for i, index := range c.r.indices {
		if int64(index) >= int64(len(c.dict)) {
			return fmt.Errorf("damaged: a value is number %d of a dictionary of %d", index, len(c.dict))
		}
		c.values[i] = c.dict[index]
	}
	return nil
}

// read reads n values by their encoding.
func (c *column) read(v *raw, encoding int32, body []byte, n int) error {
	whole := c.physical == int32s || c.physical == int64s
	number := whole || c.physical == floats || c.physical == doubles
	switch {
	case encoding == plain && c.hasTexts():
		return v.plainTexts(body, c.physical, c.length, n)
	case encoding == plain:
		return v.plainWords(body, c.physical, n)
	case encoding == runLength && c.physical == boolean:
		return v.runBits(body, n)
	case encoding == deltaPacked && whole:
		return v.deltaWords(body, c.physical, n)
	case encoding == deltaLength && c.physical == byteArrays:
		return v.deltaLengths(body, n)
	case encoding == deltaPrefix && c.physical == byteArrays:
		return v.deltaTexts(body, n, c.r.spend)
	case encoding == deltaPrefix && c.physical == fixedArrays:
		if err := v.deltaTexts(body, n, c.r.spend); err != nil {
			return err
		}
		return c.checkFixed(v.texts)
	case encoding == streamSplit && (number || c.physical == fixedArrays):
		return v.split(body, c.physical, c.length, n)
	}
	return fmt.Errorf("a page has the encoding %d, which is not read for this type: rewrite the file, with pyarrow for example", encoding)
}

// checkFixed holds texts of an encoding that stores lengths to the type's own.
func (c *column) checkFixed(texts []string) error {
	for _, text := range texts {
		if len(text) != c.length {
			return fmt.Errorf("damaged: a value has %d bytes, and its type %d", len(text), c.length)
		}
	}
	return nil
}
