package all

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/rouxml/roux/loaders/data"
	"github.com/rouxml/roux/loaders/hub"
)

// DataRef names data: a file on this machine, or a data set of the Hub with a
// revision and a pattern of its files.
type DataRef struct {
	Path, Revision, Files string
}

// Data reads data, fetching what is a Hub id and not in the cache yet.
func Data(ctx context.Context, ref DataRef, q data.Request, client hub.Client) (*data.Set, error) {
	if _, err := os.Stat(ref.Path); err == nil || !hub.IsID(ref.Path) {
		if ref.Files != "" || ref.Revision != "" {
			return nil, fmt.Errorf("%s is a file of this machine: files and revision are for data sets of the Hub", ref.Path)
		}
		q.Paths = []string{ref.Path}
		return data.Read(q)
	}
	dir, names, err := client.DataSet(ctx, ref.Path, ref.Revision, ref.Files)
	if err != nil {
		return nil, fmt.Errorf("%s is no file on this machine, and as a Hub data set: %w", ref.Path, err)
	}
	slices.Sort(names)
	for _, name := range names {
		q.Paths = append(q.Paths, filepath.Join(dir, filepath.FromSlash(name)))
	}
	q.Hub = true
	return data.Read(q)
}
