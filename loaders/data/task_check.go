package data

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// goTypes are the types of values as the YAML library names them.
var goTypes = strings.NewReplacer("cannot unmarshal !!", "found ", " into map[string]interface {}", ", want a mapping", " into data.datasetKwargs", ", want a mapping",
	" into []yaml.Node", ", want a list", " into int", ", want a whole number", " into string", ", want a text")

// misread is what the YAML library says, by lines of the file.
func misread(path string, err error) error {
	var kinds *yaml.TypeError
	if !errors.As(err, &kinds) {
		return fmt.Errorf("%s: %s", path, strings.TrimPrefix(err.Error(), "yaml: "))
	}
	var all []error
	for _, e := range kinds.Errors {
		line, rest, _ := strings.Cut(strings.TrimPrefix(e, "line "), ": ")
		all = append(all, fmt.Errorf("%s:%s: %s", path, line, goTypes.Replace(rest)))
	}
	return errors.Join(all...)
}

// check refuses values that cannot be read, all at once.
func (t *taskFile) check(root *yaml.Node, path string) error {
	var bad []error
	refuse := func(section, key, why string, args ...any) {
		at := locate(root, section, key)
		bad = append(bad, fmt.Errorf("%s: %s", place(path, at), fmt.Sprintf(why, args...)))
	}
	switch t.OutputType {
	case "", "multiple_choice", "generate_until":
	case "loglikelihood_rolling":
		refuse("output_type", "", "output_type loglikelihood_rolling: name its text as data and use evaluate.perplexity with protocol: rolling")
	default:
		refuse("output_type", "", "output_type %s is not read (multiple_choice and generate_until are)", t.OutputType)
	}
	for _, key := range slices.Sorted(maps.Keys(t.GenerationKwargs)) {
		v := t.GenerationKwargs[key]
		switch {
		case slices.Contains([]string{"until", "max_gen_toks"}, key):
		case key == "do_sample" && v == false, key == "temperature" && (v == 0 || v == 0.0):
		default:
			refuse("generation_kwargs", key, "generation_kwargs.%s: %v is not read: answers are greedy", key, v)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(t.FewshotConfig)) {
		if key != "sampler" {
			refuse("fewshot_config", key, "fewshot_config.%s is not read", key)
		}
	}
	for i := range t.MetricList {
		if err := readMetric(&t.MetricList[i]); err != nil {
			bad = append(bad, fmt.Errorf("%s: metric_list: %w", place(path, &t.MetricList[i]), err))
		}
	}
	if t.NumFewshot > 0 && t.FewshotConfig["sampler"] != "first_n" {
		t.drawn = place(path, locate(root, "num_fewshot", "")) + ": "
	}
	return errors.Join(bad...)
}

// measured are the metrics of lm-evaluation-harness that evaluate ops come to.
var measured = []string{"acc", "acc_norm", "acc_bytes", "brier_score", "exact_match"}

// readMetric refuses a metric that no op computes, and what changes one.
func readMetric(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		return askedFor(n.Value)
	}
	var m map[string]any
	if err := n.Decode(&m); err != nil {
		return errors.New("want a mapping with metric")
	}
	for _, key := range slices.Sorted(maps.Keys(m)) {
		v := m[key]
		switch {
		case key == "metric":
			if err := askedFor(fmt.Sprint(v)); err != nil {
				return err
			}
		case key == "higher_is_better", key == "aggregation" && (v == "mean" || v == "brier_score"), v == false:
		case key == "ignore_case":
			return errors.New("ignore_case is the step's: say ignore_case: true there, and leave it out here")
		default:
			return fmt.Errorf("%s: %v is not read", key, v)
		}
	}
	return nil
}

func askedFor(metric string) error {
	if slices.Contains(measured, metric) {
		return nil
	}
	return fmt.Errorf("%s is not measured (%s are): leave it out", metric, strings.Join(measured, ", "))
}

// locate is the node of a key, or of one below it, where a file has it, and else
// the file's first.
func locate(root *yaml.Node, section, key string) *yaml.Node {
	for i := 0; i < len(root.Content); i += 2 {
		if root.Content[i].Value != section {
			continue
		}
		if key == "" || root.Content[i+1].Kind != yaml.MappingNode {
			return root.Content[i]
		}
		return locate(root.Content[i+1], key, "")
	}
	return root
}
