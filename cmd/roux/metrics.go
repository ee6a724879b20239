package main

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/dustin/go-humanize"

	"github.com/rouxml/roux/engine"
)

// widest is how many metrics go beside each other; more go below each other.
const widest = 12

// metricTable is a measuring step's table: a line for each model as the step
// names them, or for each metric where there are many.
func metricTable(e engine.Measured) string {
	var columns []string
	for _, values := range e.Values {
		for name := range values {
			if !slices.Contains(columns, name) {
				columns = append(columns, name)
			}
		}
	}
	slices.SortFunc(columns, compareMetrics)
	lines, across, turned := modelsOf(e), columns, len(columns) > widest
	if turned {
		lines, across = across, lines
	}
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintf(w, "%s\t%s\n", e.Step, strings.Join(across, "\t"))
	for _, line := range lines {
		cells := make([]string, len(across))
		for i, c := range across {
			model, metric := line, c
			if turned {
				model, metric = c, line
			}
			cells[i] = "-"
			if v, ok := e.Values[model][metric]; ok {
				cells[i] = humanMetric(metric, v)
			}
		}
		_, _ = fmt.Fprintf(w, "  %s\t%s\n", line, strings.Join(cells, "\t"))
	}
	_ = w.Flush() // a Builder never fails
	for _, note := range e.Notes {
		_, _ = fmt.Fprintf(&text, "  %s\n", note)
	}
	if e.Protocol != "" {
		_, _ = fmt.Fprintf(&text, "  protocol %s\n", e.Protocol)
	}
	return text.String()
}

// modelsOf lists the models with metrics, in the order of the step, and then
// names that are no model's, such as combined.
func modelsOf(e engine.Measured) []string {
	names := slices.Sorted(maps.Keys(e.Values))
	place := func(name string) int {
		if i := slices.Index(e.Models, name); i >= 0 {
			return i
		}
		return len(e.Models)
	}
	slices.SortStableFunc(names, func(a, b string) int { return place(a) - place(b) })
	return names
}

// facets are ends of metrics' names in the order in which they are read: what
// a number is uncertain by stands behind it, and quantiles go up.
var facets = strings.Fields("stderr diff low high mean rms min p001 p01 p05 p10 p25 median p75 p90 p95 p99 p999 max")

// compareMetrics orders names by their words: the first by the alphabet, and
// further ones that are facets by those. Numbers, as of layers, go up.
func compareMetrics(a, b string) int {
	x, y := strings.Split(a, "_"), strings.Split(b, "_")
	for i := range min(len(x), len(y)) {
		if x[i] == y[i] {
			continue
		}
		if i > 0 {
			if c := cmp.Compare(facet(x[i]), facet(y[i])); c != 0 {
				return c
			}
		}
		n, bad := strconv.Atoi(x[i])
		m, worse := strconv.Atoi(y[i])
		if bad == nil && worse == nil {
			return cmp.Compare(n, m)
		}
		return cmp.Compare(x[i], y[i])
	}
	return len(x) - len(y)
}

func facet(word string) int {
	if i := slices.Index(facets, word); i >= 0 {
		return i
	}
	return len(facets)
}

// gateLine says whether a gate holds, and of one that does not with which numbers.
func gateLine(e engine.GateChecked) string {
	if e.Pass {
		return "gate passed  " + e.Gate
	}
	var with []string
	for _, name := range slices.Sorted(maps.Keys(e.Values)) {
		metric := name[strings.LastIndex(name, ".")+1:]
		with = append(with, fmt.Sprintf("%s is %s", name, humanMetric(metric, e.Values[name])))
	}
	if with == nil {
		return "gate FAILED  " + e.Gate
	}
	return fmt.Sprintf("gate FAILED  %s (%s)", e.Gate, strings.Join(with, ", "))
}

func humanMetric(name string, v float64) string {
	if name == "bytes" {
		return humanize.Bytes(uint64(v))
	}
	if v == math.Trunc(v) && math.Abs(v) < 1e15 {
		return fmt.Sprintf("%.0f", v) // a count is read whole
	}
	return fmt.Sprintf("%.5g", v)
}
