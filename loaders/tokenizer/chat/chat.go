// Package chat renders the chat templates of models, which are Jinja, with the
// library gonja and what transformers adds to Jinja. Templates are not trusted:
// they reach no file and no other template, and their length, depth, time and
// output are bounded. docs/chat-templates.md lists where gonja is not Jinja.
package chat

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nikolalohinski/gonja/v2/config"
	"github.com/nikolalohinski/gonja/v2/exec"
	"github.com/nikolalohinski/gonja/v2/loaders"
)

// Input is what a template is rendered with. JSON keeps the order of keys,
// which templates print.
type Input struct {
	Messages  json.RawMessage // a list of {"role": ..., "content": ...}
	Tools     json.RawMessage // nil: none
	Documents json.RawMessage // nil: none
	Generate  bool            // end with what begins the model's answer
	// Tokens are bos_token, eos_token and so on.
	Tokens map[string]string
	// Extra are further variables, such as enable_thinking.
	Extra map[string]json.RawMessage
	// Now is what strftime_now tells; zero for the epoch, so that the same input
	// renders the same unless the caller wants the day.
	Now time.Time
}

// Bounds of what a template may be and do.
const (
	maxTemplate = 256 << 10
	maxInput    = 64 << 20
	maxOutput   = 64 << 20
	maxText     = 4 << 20 // one text that a template puts together
	maxRange    = 100_000
	maxCalls    = 64 // macros within macros
	maxTime     = 10 * time.Second
)

var (
	errOutput = errors.New("the chat template writes more than 64 MiB")
	errTime   = errors.New("the chat template ran for more than 10 s")
	errText   = errors.New("the chat template puts together a text of more than 4 MiB")
	errCalls  = errors.New("the chat template calls macros within macros without end")
)

// render is one rendering.
type render struct {
	in     Input
	out    strings.Builder
	end    time.Time
	calls  int
	names  []string             // what the template sets and defines
	orders map[uintptr][]string // the order of keys by map
}

// Render returns the text of a conversation. The tokens in it are to be parsed:
// encode it with Parse and without Add. Errors of the template itself, such as
// roles that do not alternate, are returned as the template words them.
func Render(template string, in Input) (out string, err error) {
	source, err := prepare(template)
	if err != nil {
		return "", fmt.Errorf("chat template: %w", err)
	}
	r := &render{in: in, end: time.Now().Add(maxTime), orders: map[uintptr][]string{}, names: definitions(source)}
	// gonja panics on some mistakes of templates.
	defer func() {
		if p := recover(); p != nil {
			out, err = "", fmt.Errorf("chat template: %v", p)
		}
	}()
	vars, err := r.variables()
	if err != nil {
		return "", err
	}
	if err := r.run(source, vars); err != nil {
		return "", r.explain(err, source)
	}
	return r.out.String(), nil
}

func (r *render) run(source string, vars *exec.Context) error {
	memory, err := loaders.NewMemoryLoader(map[string]string{"/template": source})
	if err != nil {
		return err
	}
	t, err := exec.NewTemplate("/template", config.New(), memory, r.environment())
	if err != nil {
		return err
	}
	return t.Execute(r, vars)
}

// Write takes output up to the bound.
func (r *render) Write(p []byte) (int, error) {
	if r.out.Len()+len(p) > maxOutput {
		return 0, errOutput
	}
	if time.Now().After(r.end) {
		return 0, errTime
	}
	if bytes.Contains(p, []byte(mark)) {
		return 0, errPrinted
	}
	return r.out.Write(p)
}

// raised is what raise_exception says.
type raised struct{ message string }

func (e *raised) Error() string { return e.message }

// explain cuts gonja's errors, which quote all of the template, to what went
// wrong.
func (r *render) explain(err error, source string) error {
	var own *raised
	if errors.As(err, &own) {
		return fmt.Errorf("chat template: %w", own)
	}
	for _, known := range []error{errOutput, errTime, errText, errCalls, errPrinted, errNone, errMissing, errLooped} {
		if errors.Is(err, known) || strings.Contains(err.Error(), known.Error()) { // gonja makes text of some
			return fmt.Errorf("chat template: %w", known)
		}
	}
	text := strings.ReplaceAll(err.Error(), source, "...")
	if i := strings.LastIndex(text, errMark); i >= 0 {
		return fmt.Errorf("chat template: %w", &raised{text[i+len(errMark):]})
	}
	if len(text) > 600 {
		text = text[:200] + " ... " + text[len(text)-400:]
	}
	return fmt.Errorf("chat template: %s", text)
}

// errMark stands before the message of raise_exception, because gonja turns
// some errors into text on their way out.
const errMark = "\x00raised\x00"

// variables are what a template sees.
func (r *render) variables() (*exec.Context, error) {
	vars := map[string]any{"add_generation_prompt": r.in.Generate, "messages": none, "tools": none, "documents": none}
	for name, raw := range map[string]json.RawMessage{"messages": r.in.Messages, "tools": r.in.Tools, "documents": r.in.Documents} {
		if len(raw) == 0 {
			continue
		}
		v, err := r.decode(raw)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		vars[name] = v
	}
	for name, token := range r.in.Tokens {
		vars[name] = token
	}
	for name, raw := range r.in.Extra {
		v, err := r.decode(raw)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		vars[name] = v
	}
	return exec.NewContext(vars), nil
}
