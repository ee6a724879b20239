package safetensors

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/rouxml/roux/loaders"
	"github.com/rouxml/roux/tensor"
)

// DefaultShard is the size of a shard when nobody says otherwise, as
// transformers has it.
const DefaultShard = 5_000_000_000

// Writer stores tensors as one file or as shards with an index, in one
// canonical form: tensors in the order given, the header in the same order, no
// times. It is a tensor.Sink.
type Writer struct {
	dir, base string
	shard     int64
	files     []*out
	places    map[string]*place
}

// out is one file being written.
type out struct {
	*loaders.Output
	name string
	size int64
}

// place is where a tensor's bytes go.
type place struct {
	file    *out
	info    tensor.Info
	at      int64
	written atomic.Int64
}

// Create prepares to write into dir. The base name is "model" for models; a
// shard size of 0 means DefaultShard.
func Create(dir, base string, shard int64) *Writer {
	if shard <= 0 {
		shard = DefaultShard
	}
	return &Writer{dir: dir, base: base, shard: shard, places: map[string]*place{}}
}

// Begin fixes every offset, checks that the disk has room, and lays out the
// files.
func (w *Writer) Begin(_ context.Context, infos []tensor.Info) error {
	shards := w.split(infos)
	var total int64
	for _, info := range infos {
		total += info.Bytes()
	}
	if err := loaders.CheckRoom(w.dir, total); err != nil {
		return err
	}
	for i, list := range shards {
		if err := w.begin(w.shardName(i, len(shards)), list); err != nil {
			return err
		}
	}
	if len(shards) > 1 {
		return w.index(infos, total)
	}
	return nil
}

// split cuts the list whenever the next tensor would make the shard too large.
func (w *Writer) split(infos []tensor.Info) [][]tensor.Info {
	shards := [][]tensor.Info{nil}
	var size int64
	for _, info := range infos {
		n := len(shards) - 1
		if size+info.Bytes() > w.shard && len(shards[n]) > 0 {
			shards, size, n = append(shards, nil), 0, n+1
		}
		shards[n] = append(shards[n], info)
		size += info.Bytes()
	}
	return shards
}

func (w *Writer) shardName(i, n int) string {
	if n == 1 {
		return w.base + ".safetensors"
	}
	return fmt.Sprintf("%s-%05d-of-%05d.safetensors", w.base, i+1, n)
}

func (w *Writer) begin(name string, infos []tensor.Info) error {
	head, err := encodeHeader(infos)
	if err != nil {
		return err
	}
	f, err := loaders.CreateOutput(filepath.Join(w.dir, name))
	if err != nil {
		return err
	}
	o := &out{Output: f, name: name, size: int64(len(head))}
	w.files = append(w.files, o)
	for _, info := range infos {
		if w.places[info.Name] != nil {
			return fmt.Errorf("two tensors are named %s", info.Name)
		}
		w.places[info.Name] = &place{file: o, info: info, at: o.size}
		o.size += info.Bytes()
	}
	if err := o.Reserve(o.size); err != nil {
		return err
	}
	_, err = o.WriteAt(head, 0)
	return err
}

// page is where the data of a file begins: what is mapped or written past the
// page cache is then aligned.
const page = 4096

// encodeHeader writes the length and the JSON, padded with spaces so that the
// data begins at a page.
func encodeHeader(infos []tensor.Info) ([]byte, error) {
	var b bytes.Buffer
	b.WriteString(`{"__metadata__":{"format":"pt"}`)
	at := int64(0)
	for _, info := range infos {
		name, err := json.Marshal(info.Name)
		if err != nil {
			return nil, err
		}
		shape := info.Shape
		if shape == nil {
			shape = tensor.Shape{}
		}
		dims, err := json.Marshal([]int(shape))
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&b, `,%s:{"dtype":%q,"shape":%s,"data_offsets":[%d,%d]}`, name, info.DType, dims, at, at+info.Bytes())
		at += info.Bytes()
	}
	b.WriteByte('}')
	b.WriteString(strings.Repeat(" ", -(8+b.Len())&(page-1)))
	if b.Len() > maxHeader {
		return nil, fmt.Errorf("the header of %d tensors takes %d bytes, more than the format allows: ask for smaller shards", len(infos), b.Len())
	}
	return append(binary.LittleEndian.AppendUint64(nil, uint64(b.Len())), b.Bytes()...), nil
}

func (w *Writer) index(infos []tensor.Info, total int64) error {
	m := map[string]string{}
	for _, info := range infos {
		m[info.Name] = w.places[info.Name].file.name
	}
	text, err := json.MarshalIndent(map[string]any{"metadata": map[string]any{"total_size": total}, "weight_map": m}, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(w.dir, w.base+".safetensors.index.json"), append(text, '\n'), 0o644)
}

// Writer returns where a tensor's bytes go.
func (w *Writer) Writer(name string) (io.WriterAt, error) {
	p := w.places[name]
	if p == nil {
		return nil, fmt.Errorf("tensor %s was not announced to the writer", name)
	}
	return p, nil
}

// WriteAt stores bytes of one tensor.
func (p *place) WriteAt(b []byte, off int64) (int, error) {
	if off < 0 || off+int64(len(b)) > p.info.Bytes() {
		return 0, fmt.Errorf("tensor %s: %d bytes at %d are outside of its %d", p.info.Name, len(b), off, p.info.Bytes())
	}
	n, err := p.file.WriteAt(b, p.at+off)
	p.written.Add(int64(n))
	return n, err
}

// Commit checks that every byte was written and makes the files durable.
func (w *Writer) Commit(context.Context) error {
	for name, p := range w.places {
		if got := p.written.Load(); got != p.info.Bytes() {
			return fmt.Errorf("tensor %s: %d of %d bytes were written", name, got, p.info.Bytes())
		}
	}
	var g errgroup.Group
	for _, o := range w.files {
		g.Go(o.Sync)
	}
	return errors.Join(g.Wait(), w.close())
}

func (w *Writer) close() error {
	var errs []error
	for _, o := range w.files {
		errs = append(errs, o.Close())
	}
	return errors.Join(errs...)
}

// Abort removes every file.
func (w *Writer) Abort() error {
	errs := []error{}
	for _, o := range w.files {
		_ = o.Close() // what is removed need not be whole
		errs = append(errs, os.Remove(o.Name()))
	}
	if len(w.files) > 1 {
		err := os.Remove(filepath.Join(w.dir, w.base+".safetensors.index.json"))
		if !errors.Is(err, os.ErrNotExist) { // Begin may have failed before it
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
