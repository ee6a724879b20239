package safetensors

import (
	"github.com/rouxml/roux/loaders"
	"github.com/rouxml/roux/tensor"
)

// Layout lists the files that a Writer of the same arguments leaves.
func Layout(base string, shard int64, infos []tensor.Info) []loaders.FileSize {
	w := Create("", base, shard)
	shards := w.split(infos)
	var files []loaders.FileSize
	for i, list := range shards {
		f := loaders.FileSize{Name: w.shardName(i, len(shards))}
		for _, info := range list {
			f.Bytes += info.Bytes()
		}
		files = append(files, f)
	}
	if len(shards) > 1 {
		files = append(files, loaders.FileSize{Name: base + ".safetensors.index.json"})
	}
	return files
}

// CompressedLayout lists the files that a Compressed over such a Writer leaves.
func CompressedLayout(base string, shard int64, infos []tensor.Info) ([]loaders.FileSize, error) {
	stored, err := physicals(infos)
	return Layout(base, shard, stored), err
}
