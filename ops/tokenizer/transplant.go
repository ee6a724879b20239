package tokenizer

import (
	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/schema"
)

type transplant struct {
	Model  schema.Ref `yaml:"model" previous:"" doc:"model that gets another tokenizer"`
	Donor  schema.Ref `yaml:"donor" doc:"model whose tokenizer it gets"`
	Method string     `yaml:"method" default:"omp" check:"enum=omp|common_interpolation|subword|mean|zero" doc:"how rows of tokens that the model lacks are made"`
	K      int        `yaml:"k" default:"64" check:">0" doc:"shared tokens that a row is made of (omp, common_interpolation)"`
	Metric string     `yaml:"metric" default:"euclidean" check:"enum=euclidean|cosine" doc:"which tokens are near (common_interpolation)"`
	Scheme string     `yaml:"weights" default:"distance_proportional" check:"enum=distance_proportional|barycentric|least_squares" doc:"weights of the near tokens (common_interpolation)"`
	Pieces string     `yaml:"pieces" default:"mean" check:"enum=mean|sum|weighted_mean|first_last" doc:"how the rows of a token's pieces are joined (subword)"`
	Prefix string     `yaml:"prefix_match" default:"no" check:"enum=no|yes|embed|head" doc:"take the row of the longest token that a token begins with: never, always, or in one of the tables"`
	Byte   string     `yaml:"byte_match" default:"no" check:"enum=no|yes|embed|head" doc:"take the row of <0x41> for A and the other way round"`
}

func init() {
	ops.Add(&Set, ops.Spec[transplant]{
		Name: "tokenizer.transplant", Version: 1,
		Summary: "Gives a model the tokenizer of another, and makes rows for tokens that it lacks.",
		Doc: "Tokens that mean the same in both keep the model's row, whether a tokenizer writes the space before a word as Ġ or ▁, and whatever the token for a role such as the end of text is called. " +
			"The others are made: omp finds the k shared tokens whose rows in the donor, weighted, come nearest to the donor's row (orthogonal matching pursuit), and takes the same weights of the model's rows. " +
			"common_interpolation takes the k nearest shared tokens in the donor. subword joins the rows of the pieces into which the model's own tokenizer cuts the token. " +
			"mean takes the mean of all rows, zero none. The head is treated as the embedding is; a bias keeps the values of tokens that both have.",
		Source:  "mergekit-tokensurgeon; Goddard and Fernandes Neto 2025, Training-Free Tokenizer Transplantation via Orthogonal Matching Pursuit",
		Example: "op: tokenizer.transplant\nmodel: small\ndonor: large\nmethod: omp\nk: 64\n",
		Plan:    transplantPlan,
		Ride:    transplantRide,
		Whole:   &ops.WholeKernel[transplant]{Scope: ops.Tensor, Memory: transplantMemory, Run: transplantRun},
	})
}
