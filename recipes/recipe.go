// Package recipes is the recipe language: its document type, parser and
// checker. It sees ops only through a Catalog, and reports every problem of a
// file at once, each with its place.
package recipes

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/rouxml/roux/schema"
)

// Catalog is what a recipe may use: the ops and their params.
type Catalog interface {
	// Names lists the ops.
	Names() []string
	// Params returns a pointer to a new params struct, or false for an unknown op.
	Params(op string) (any, bool)
	// Check reports rules between fields of decoded params; a problem's path
	// begins with the field that it is about.
	Check(op string, params any) []schema.Problem
	// Metrics lists what an op measures for each model, with a * at the end of
	// one for all that begin so, and the names beside its models' that metrics
	// are filed under. Nothing when the op does not tell.
	Metrics(op string) (metrics, joint []string)
	// Measures says whether the op yields metrics and not a model.
	Measures(op string) bool
}

// Options change how a recipe is read.
type Options struct {
	Set map[string]string // overrides params
	Out string            // where the single output goes; a mergekit file needs it
	// Compat is "mergekit" to keep those of mergekit's defects that change
	// numbers; only for mergekit's files.
	Compat string
	// ShardSize, Seed and NoCard override what the recipe says, where set.
	ShardSize schema.Bytes
	Seed      *uint64
	NoCard    bool
	// Stored says whether a model is known to have all of its weights in a
	// dtype: an import casts none that has them. Nil: none is known.
	Stored func(m Model, dtype string) bool
}

// Recipe is a checked recipe.
type Recipe struct {
	File, Dir         string // the file as it was named, and its folder
	Name, Description string
	Seed              uint64
	Models            []Model
	Data              []Data
	Steps             []Step // in an order in which each follows what it reads
	Gates             []Gate
	Outputs           []Output
	Text              []byte            // as it stands in the file
	Notes             []string          // words for the user
	Open              schema.Problems   // placeholders of a Starter, for which there is no model or data yet
	Mergekit          bool              // it came as a mergekit file
	MergekitText      func() []byte     // the recipe as a mergekit file; nil if it cannot be said as one
	Set               map[string]string // params that were overridden
}

// Model is an input.
type Model struct {
	Name                     string
	Pos                      schema.Pos
	Path, Revision           string // a local path or a hub id; revision may be empty
	Adapter, AdapterRevision string
	Architecture             string  // class that config.json shall name; empty: as it does
	Recipe                   *Recipe // another recipe whose output this is
	Output                   string  // its output or step; empty for its only output
}

// Step is one op applied.
type Step struct {
	Name       string
	Pos        schema.Pos
	Op         string
	OpPos      schema.Pos
	Params     any
	Inputs     []*schema.Ref     // the models that it takes, in the order of its fields
	Data       []*schema.DataRef // likewise
	Where      *schema.Predicate
	WherePos   schema.Pos
	When       *Expr
	Cache      string // auto, always or never
	Seed       *uint64
	Note       string
	AllowEmpty bool
	Keys       Keys
	Measures   bool
}

// Keys says what a step of several models does about tensors that some of them
// lack.
type Keys string

// KeysSame reports them; KeysIntersection leaves them out; KeysUnion merges
// each over the models that have it.
const (
	KeysSame         Keys = "same"
	KeysIntersection Keys = "intersection"
	KeysUnion        Keys = "union"
)

// Gate is a condition that the run must meet.
type Gate struct {
	Expr *Expr
	Pos  schema.Pos
	Text string
}

// Output is a model to be written.
type Output struct {
	Name      string
	Pos       schema.Pos
	From      schema.Ref
	Path      string
	Format    string
	DType     string
	ShardSize schema.Bytes
	NaN       string // keep, zero or error
	NoCard    bool   // leave out the model card
	// Calibrate names the data of an output that is no model but statistics of
	// one: an importance matrix.
	Calibrate schema.DataRef
}

// maxFile bounds the size of a recipe.
const maxFile = 16 << 20

// Load reads a recipe from a file. An error about the recipe itself is
// schema.Problems.
func Load(path string, cat Catalog, o Options) (*Recipe, error) {
	return load(path, cat, o, nil)
}

func load(path string, cat Catalog, o Options, above []string) (*Recipe, error) {
	text, err := ReadFile(path)
	if err != nil {
		return nil, err
	}
	return parse(path, text, cat, o, above)
}

// ReadFile reads the text of a recipe, a little more than a recipe may have.
func ReadFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("recipe %s does not exist (roux init writes one to begin with)", path)
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	if info, err := f.Stat(); err == nil && info.IsDir() {
		return nil, fmt.Errorf("%s is a directory, and here goes the file of a recipe (roux inspect %s shows a model)", path, path)
	}
	return io.ReadAll(io.LimitReader(f, maxFile+1))
}

// Parse reads a recipe from text; file names it in messages and is where
// relative paths start.
func Parse(file string, text []byte, cat Catalog, o Options) (*Recipe, error) {
	return parse(file, text, cat, o, nil)
}
