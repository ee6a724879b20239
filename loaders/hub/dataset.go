package hub

import (
	"context"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// DataSet makes sure that the files of a data set whose names match the pattern
// (of path.Match) are in the cache, and returns the folder of the snapshot and
// the names. Without a pattern the data set must have a single table or text.
func (c Client) DataSet(ctx context.Context, id, revision, pattern string) (dir string, names []string, err error) {
	pick := func(all []string) ([]string, error) { return matching(all, pattern) }
	dir, _, names, err = c.snapshot(ctx, dataKind, id, revision, pick)
	if err != nil || names != nil {
		return dir, names, err
	}
	err = filepath.WalkDir(dir, func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, file)
		names = append(names, filepath.ToSlash(name))
		return err
	})
	if err == nil {
		names, err = pick(names)
	}
	return dir, names, err
}

var readable = []string{".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet", ".txt"}

func matching(all []string, pattern string) ([]string, error) {
	var names []string
	for _, name := range all {
		yes := slices.Contains(readable, strings.ToLower(path.Ext(name)))
		if pattern != "" {
			var err error
			if yes, err = path.Match(pattern, name); err != nil {
				return nil, fmt.Errorf("files: the pattern %q is malformed", pattern)
			}
		}
		if yes {
			names = append(names, name)
		}
	}
	shown := strings.Join(all[:min(len(all), 8)], ", ")
	switch {
	case len(names) == 0:
		return nil, fmt.Errorf("no file matches: it has %s (say files: PATTERN)", shown)
	case len(names) > 1 && pattern == "":
		return nil, fmt.Errorf("it has %d files: say which with files: PATTERN; it has %s", len(names), shown)
	}
	return names, nil
}
