package modeldir

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rouxml/roux/loaders"
	"github.com/rouxml/roux/tensor"
)

// naming are the files whose auto_map says which classes a model, a tokenizer
// or a processor is made of.
var naming = []string{"config.json", "tokenizer_config.json", "preprocessor_config.json", "processor_config.json", "video_preprocessor_config.json"}

// maxCode bounds the Python files of a model's folders.
const maxCode = 1000

// code lists the Python files of the folders in which auto_map says that a
// class lies, as "code/modeling.Class" does: all of them, for what they import
// lies beside them. They are copied and never run. Modules beside config.json
// ride along anyway, and those of another repository, as "owner/name--modeling.Class",
// are fetched from there.
//
// Source: transformers 5, dynamic_module_utils.get_class_from_dynamic_module.
func code(dir string) ([]tensor.File, error) {
	folders := map[string]bool{}
	for _, name := range naming {
		text, err := loaders.ReadInside(dir, name, maxConfig)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		var c struct {
			AutoMap any `json:"auto_map"`
		}
		if json.Unmarshal(text, &c) == nil { // what it means is for others to say
			classes(c.AutoMap, func(class string) {
				if folder, ok := folderOf(class); ok {
					folders[folder] = true
				}
			})
		}
	}
	var files []tensor.File
	for _, folder := range slices.Sorted(maps.Keys(folders)) {
		more, err := python(dir, folder)
		if err != nil {
			return nil, err
		}
		if files = append(files, more...); len(files) > maxCode {
			return nil, fmt.Errorf("%s has more than %d Python files in the folders that auto_map names: remove those that are not the model's", dir, maxCode)
		}
	}
	return files, nil
}

// classes calls f for every text in an auto_map: a class, or a list of a slow
// and a fast tokenizer's.
func classes(v any, f func(string)) {
	switch v := v.(type) {
	case string:
		f(v)
	case []any:
		for _, one := range v {
			classes(one, f)
		}
	case map[string]any:
		for _, one := range v {
			classes(one, f)
		}
	}
}

// folderOf is the top folder of the model's directory that a class lies below.
func folderOf(class string) (string, bool) {
	folder, _, nested := strings.Cut(class, "/")
	ok := nested && !strings.Contains(class, "--") && filepath.IsLocal(filepath.FromSlash(class)) && !strings.HasPrefix(folder, ".")
	return folder, ok
}

// python lists the Python files below a folder of a model's directory. No link
// to a folder is followed.
func python(dir, folder string) (files []tensor.File, err error) {
	err = filepath.WalkDir(filepath.Join(dir, folder), func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, os.ErrNotExist) {
			return nil // transformers will say that it is missing
		}
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".py") {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		if err := loaders.Inside(dir, name); err != nil {
			return err
		}
		if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
			return err
		}
		if files = append(files, tensor.File{Name: filepath.ToSlash(name), Path: path}); len(files) > maxCode {
			return filepath.SkipAll
		}
		return nil
	})
	return files, err
}
