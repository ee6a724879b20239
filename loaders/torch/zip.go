package torch

import (
	"archive/zip"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// span is a range of a file's bytes.
type span struct{ from, size int64 }

// readZip reads the form that torch writes since 1.6: a zip archive of
// data.pkl and one uncompressed record for each storage.
func readZip(f io.ReaderAt, size int64) ([]named, map[string]span, error) {
	z, err := zip.NewReader(f, size)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: the file is truncated or damaged; fetch it again", err)
	}
	a, err := newArchive(z, size)
	if err != nil {
		return nil, nil, err
	}
	pickle, err := a.read("data.pkl", maxPickle)
	if err != nil {
		return nil, nil, err
	}
	m := newMachine(newScanner(bytes.NewReader(pickle)), storageOf)
	v, err := m.load()
	if err != nil {
		return nil, nil, err
	}
	tensors, err := tensorsOf(v)
	if err != nil {
		return nil, nil, err
	}
	places, err := a.places(tensors)
	return tensors, places, err
}

// archive is a zip archive whose records lie in the file as they are.
type archive struct {
	entries map[string]*zip.File // by name behind the archive's own folder
	spans   map[string]span
}

func newArchive(z *zip.Reader, size int64) (*archive, error) {
	a := &archive{entries: map[string]*zip.File{}, spans: map[string]span{}}
	var taken []span
	for _, f := range z.File {
		_, name, ok := strings.Cut(f.Name, "/")
		if !ok || strings.HasSuffix(name, "/") {
			continue
		}
		if name == "constants.pkl" || strings.HasPrefix(name, "code/") {
			return nil, errors.New("this is a TorchScript program, which holds code: save the model's state_dict() instead")
		}
		if a.entries[name] != nil {
			return nil, fmt.Errorf("record %s stands twice in the archive", name)
		}
		s, err := place(f, size)
		if err != nil {
			return nil, fmt.Errorf("record %s: %w", name, err)
		}
		a.entries[name], a.spans[name] = f, s
		taken = append(taken, s)
	}
	if a.entries["data.pkl"] == nil {
		return nil, errors.New("the archive has no data.pkl: it was not written by torch.save")
	}
	if err := apart(taken); err != nil {
		return nil, err
	}
	return a, a.littleEndian()
}

// place finds an entry's bytes in the file.
func place(f *zip.File, size int64) (span, error) {
	if f.Method != zip.Store || f.CompressedSize64 != f.UncompressedSize64 {
		return span{}, fmt.Errorf("it is compressed, which torch never does: unpack the archive and zip it with -0, or save it anew with torch")
	}
	from, err := f.DataOffset()
	if err != nil {
		return span{}, fmt.Errorf("%w: the file is damaged", err)
	}
	if from < 0 || from > size || f.UncompressedSize64 > uint64(size-from) {
		return span{}, fmt.Errorf("it ends behind the end of the file: the file is truncated; fetch it again")
	}
	return span{from, int64(f.UncompressedSize64)}, nil
}

// apart refuses records that share bytes, as no writer leaves them.
func apart(spans []span) error {
	slices.SortFunc(spans, func(a, b span) int { return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.size, b.size)) })
	end := int64(0)
	for _, s := range spans {
		if s.from < end {
			return fmt.Errorf("two records of the archive overlap at byte %d: the file is damaged or made to deceive", s.from)
		}
		end = s.from + s.size
	}
	return nil
}

// littleEndian refuses what was saved on a big-endian machine.
func (a *archive) littleEndian() error {
	if a.entries["byteorder"] == nil {
		return nil
	}
	order, err := a.read("byteorder", 16)
	if err == nil && string(order) != "little" {
		err = fmt.Errorf("byteorder %q: only little-endian files can be read", order)
	}
	return err
}

// read returns a whole record, whose checksum is verified on the way.
func (a *archive) read(name string, most int64) ([]byte, error) {
	if n := a.spans[name].size; n > most {
		return nil, fmt.Errorf("record %s has %d bytes, more than %d: this is no file of tensors", name, n, most)
	}
	r, err := a.entries[name].Open()
	if err != nil {
		return nil, fmt.Errorf("record %s: %w", name, err)
	}
	defer func() { _ = r.Close() }()
	b, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("record %s: %w: the file is damaged; fetch it again", name, err)
	}
	return b, nil
}

// places finds the record of each storage that a tensor needs.
func (a *archive) places(tensors []named) (map[string]span, error) {
	places := map[string]span{}
	for _, t := range tensors {
		s := t.view.of
		p, ok := a.spans["data/"+s.key]
		if !ok {
			return nil, fmt.Errorf("tensor %q: the archive has no record data/%s", t.info.Name, s.key)
		}
		if s.bytes() > p.size {
			return nil, fmt.Errorf("tensor %q: its storage has %d bytes, the record data/%s only %d", t.info.Name, s.bytes(), s.key, p.size)
		}
		places[s.key] = p
	}
	return places, nil
}
