package tensor

// Model is a Source with what rides along beside the weights and is written
// out again with them.
type Model struct {
	Weights Source
	// Config is the text of config.json; nil for weights without one.
	Config []byte
	// Family is the model_type of Config, such as "llama"; empty when unknown.
	Family string
	// Roles tells the layer and kind of each tensor; never nil in an opened model.
	Roles Roles
	// Files ride along as they are: tokenizer, generation config, chat template.
	Files []File
	// Adapter is the text of adapter_config.json when the weights are a LoRA
	// adapter and not a whole model.
	Adapter []byte
	// Notes are words for the user, such as that layers were inferred.
	Notes []string
	// Prompt turns a prompt into token ids by the tokenizer among the files, with
	// the token that begins a text in front. Nil when nothing can run tokenizers.
	Prompt func(files []File, text string) ([]int, error)
}

// File is one file that rides along with a model.
type File struct {
	Name string // relative to the model directory, with slashes
	Path string // where it is on this machine; unused when Data is set
	Data []byte // content made by an op or the writer
}

// Roles maps tensors to their place in the network.
type Roles interface {
	// Role never fails: a tensor it does not know is Other outside the layers.
	Role(name string, shape Shape) Role
	// Layers is the number of transformer layers.
	Layers() int
}
