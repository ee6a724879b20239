package torch

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/rouxml/roux/tensor"
)

// legacyMagic is how a file of torch before 1.6 begins: a pickle of the number
// 0x1950a86a20f9469cfc6c.
var legacyMagic = []byte{0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, '.'}

// readLegacy reads the form before 1.6: pickles of the magic number, the
// version, the machine's sizes, the object and the keys of its storages, and
// behind them each storage, its number of elements first.
func readLegacy(f io.ReaderAt, size int64) ([]named, map[string]span, error) {
	l := legacy{stored: map[string]*storage{}, s: newScanner(io.NewSectionReader(f, 0, size))}
	if _, err := l.s.take(uint64(len(legacyMagic))); err != nil {
		return nil, nil, err
	}
	tensors, keys, err := l.pickles()
	if err != nil {
		return nil, nil, err
	}
	places, err := l.places(f, size, keys)
	return tensors, places, err
}

type legacy struct {
	s      *scanner
	stored map[string]*storage
}

func (l *legacy) storage(id any) (*storage, error) {
	s, err := storageOf(id)
	if err != nil {
		return nil, err
	}
	if t := id.(tuple); len(t) > 5 && t[5] != nil {
		return nil, errorf("storage %s is a part of another, as torch wrote before 0.4: save it anew with torch", s.key)
	}
	if s.dtype == tensor.Invalid {
		return nil, errorf("storage %s has no type", s.key)
	}
	if old, ok := l.stored[s.key]; ok {
		return old, nil
	}
	l.stored[s.key] = s
	return s, nil
}

// pickles reads all that stands before the bytes.
func (l *legacy) pickles() (tensors []named, keys []string, err error) {
	var values [4]any // version, sizes, object, keys
	for i := range values {
		if values[i], err = newMachine(l.s, l.storage).load(); err != nil {
			return nil, nil, err
		}
	}
	if values[0] != int64(1001) {
		return nil, nil, fmt.Errorf("version %s of torch's form: only 1001 can be read; save it anew with torch", describe(values[0]))
	}
	if d, ok := values[1].(*dict); !ok || d.values["little_endian"] != true {
		return nil, nil, fmt.Errorf("it was not saved on a little-endian machine")
	}
	if tensors, err = tensorsOf(values[2]); err != nil {
		return nil, nil, err
	}
	l2, ok := values[3].(*list)
	if !ok {
		return nil, nil, fmt.Errorf("%s stands where the list of storages belongs", describe(values[3]))
	}
	for _, k := range l2.items {
		key, ok := k.(string)
		if !ok || l.stored[key] == nil {
			return nil, nil, fmt.Errorf("the list of storages has %s, which no tensor uses", describe(k))
		}
		keys = append(keys, key)
	}
	return tensors, keys, nil
}

// places walks over the storages behind the pickles.
func (l *legacy) places(f io.ReaderAt, size int64, keys []string) (map[string]span, error) {
	places := map[string]span{}
	at := l.s.at
	for _, key := range keys {
		if _, twice := places[key]; twice {
			return nil, fmt.Errorf("storage %s is listed twice", key)
		}
		var head [8]byte
		if _, err := f.ReadAt(head[:], at); err != nil {
			return nil, fmt.Errorf("storage %s: the file is truncated; fetch it again", key)
		}
		s := l.stored[key]
		if n := binary.LittleEndian.Uint64(head[:]); n != uint64(s.numel) {
			return nil, fmt.Errorf("storage %s has %d elements here and %d in the pickle: the file is damaged", key, n, s.numel)
		}
		at += 8
		if s.bytes() > size-at {
			return nil, fmt.Errorf("storage %s ends behind the end of the file: it is truncated; fetch it again", key)
		}
		places[key] = span{at, s.bytes()}
		at += s.bytes()
	}
	if at != size {
		return nil, fmt.Errorf("%d bytes behind the last storage", size-at)
	}
	for key := range l.stored {
		if _, ok := places[key]; !ok {
			return nil, fmt.Errorf("storage %s has no bytes in the file", key)
		}
	}
	return places, nil
}

// isTar says whether the file is a tar archive, as torch wrote before 0.1.10.
func isTar(head []byte) bool { return len(head) > 262 && bytes.Equal(head[257:262], []byte("ustar")) }
