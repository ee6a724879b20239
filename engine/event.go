package engine

import "time"

// Event is something that happened in a run. The display, the JSON lines and
// the log are made of events; their types are the structs below.
type Event interface{ event() }

// RunStarted opens a run.
type RunStarted struct {
	Recipe string `json:"recipe"`
	Tasks  int    `json:"tasks"`
	Bytes  int64  `json:"bytes"` // that outputs will write
	Memory int64  `json:"memory"`
}

// Fetching reports a file that is on its way from a Hub, several times a second.
type Fetching struct {
	File  string `json:"file"`
	Done  int64  `json:"done"`  // bytes
	Total int64  `json:"total"` // negative when the Hub does not say
}

// TaskDone reports one finished piece of work.
type TaskDone struct {
	Step       string `json:"step"`         // a step, "scan NAME" for what it looks up beforehand, "run NAME: MODEL" for a model that it runs, or "write NAME" for an output
	Of         string `json:"of,omitempty"` // what the pieces are, if not tensors; they have no bytes then
	Tensor     string `json:"tensor"`
	Bytes      int64  `json:"bytes"` // of this piece: made, or read for a scan or a measure
	Done       int    `json:"done"`  // pieces so far, of Total
	Total      int    `json:"total"`
	DoneBytes  int64  `json:"done_bytes"`
	TotalBytes int64  `json:"total_bytes"`
}

// StepHit says that a step's stored tensors all came from the cache.
type StepHit struct {
	Step string `json:"step"`
}

// OutputDone reports a published output.
type OutputDone struct {
	Output  string `json:"output"`
	Path    string `json:"path"`
	Tensors int    `json:"tensors"`
	Bytes   int64  `json:"bytes"`
	Fresh   bool   `json:"fresh"`  // nothing had changed: left as it was
	Reused  int    `json:"reused"` // tensors copied from the previous output
}

// Measured reports the metrics of a step.
type Measured struct {
	Step     string                        `json:"step"`
	Models   []string                      `json:"models"`             // in the order of the step
	Protocol string                        `json:"protocol,omitempty"` // what the numbers mean
	Values   map[string]map[string]float64 `json:"values"`
	Notes    []string                      `json:"notes,omitempty"` // for people
	Hit      bool                          `json:"hit"`
}

// GateChecked reports one gate of the recipe.
type GateChecked struct {
	Gate   string             `json:"gate"`
	Pass   bool               `json:"pass"`
	Values map[string]float64 `json:"values"` // the metrics that it reads, by step.model.metric
}

// Warning is a word for the user that does not stop the run.
type Warning struct {
	Text string `json:"warning"`
}

// RunDone closes a run that came to its end, be it that a gate said no.
type RunDone struct {
	Elapsed  time.Duration `json:"elapsed_ns"`
	Computed int           `json:"computed"` // kernel blocks run
	Hits     int           `json:"hits"`     // stored tensors, states and metrics taken from the cache
}

func (RunStarted) event()  {}
func (Fetching) event()    {}
func (TaskDone) event()    {}
func (StepHit) event()     {}
func (OutputDone) event()  {}
func (Measured) event()    {}
func (GateChecked) event() {}
func (Warning) event()     {}
func (RunDone) event()     {}
