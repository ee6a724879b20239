package adapter

import (
	"errors"
	"fmt"
	"math"

	"github.com/rouxml/roux/ops"
	"github.com/rouxml/roux/schema"
	"github.com/rouxml/roux/tensor"
	"github.com/rouxml/roux/tensor/lora"
)

type report struct {
	Adapter schema.Ref `yaml:"adapter" previous:"" doc:"step that extracts an adapter"`
}

func init() {
	ops.Add(&Set, ops.Spec[report]{
		Name: "adapter.report", Version: 1,
		Summary: "Tells what the extraction of an adapter lost, tensor by tensor.",
		Doc: "Of base + adapter against the fine-tune, in Frobenius norms: relative_error |W - W_base - B A| / |W|, lost |W - W_base - B A| / |W - W_base|, kept (share of the change's squares), each in total and per tensor; " +
			"mean_rank and max_rank of the factors, modules that have some, saved tensors, unchanged ones, and parameters of the adapter. Gates read step.adapter.metric. The extraction knows these numbers; nothing is read again.",
		Source:   "Eckart and Young 1936, The approximation of one matrix by another of lower rank",
		Example:  "op: adapter.report\nadapter: lora\n",
		Adapters: true,
		Plan:     reportPlan,
		Measure:  &ops.MeasureKernel[report]{Sums: reportSums, Finish: reportFinish},
	})
}

func reportPlan(p *report, in []ops.Header) ([]ops.Unit, error) {
	layout, err := layoutOf(in[0])
	if err != nil {
		return nil, err
	}
	var units []ops.Unit
	for _, info := range in[0].Infos {
		n, err := lora.Split(info.Name)
		tied := n.Module == lora.TiedHead && layout.Config.Tied // counted as the embedding
		if err == nil && n.Part == lora.Report && !tied {
			units = append(units, ops.Unit{In: []ops.Operand{{Port: 0, Name: info.Name}}, Out: []tensor.Info{info}})
		}
	}
	if len(units) == 0 {
		return nil, fmt.Errorf("%s has no record of what its extraction lost: name the step of adapter.extract itself", p.Adapter.Name)
	}
	return units, nil
}

func reportSums(_ *report, _ *ops.Pass, b *ops.Block) ([]float64, error) {
	r, ok := lora.ParseRecord(b.X(0))
	if !ok {
		return nil, errors.New("the record of the extraction is damaged, or holds NaN")
	}
	return []float64{r.Change, r.Error, r.Weight, float64(r.Rank)}, nil
}

// totals gathers what the records of all tensors come to.
type totals struct {
	change, err, weight                           float64 // squares
	ranks, most, modules, saved, same, parameters float64
}

func reportFinish(p *report, in []ops.Header, records []ops.Record) (ops.Metrics, error) {
	layout, err := lora.Read(in[0].Adapter, in[0].Infos)
	if err != nil {
		return ops.Metrics{}, err
	}
	table := ops.Table{Title: p.Adapter.Name, Columns: []string{"rank", "relative_error", "lost", "kept"}}
	var sum totals
	for _, r := range records {
		n, _ := lora.Split(r.Unit.Out[0].Name)
		rec := lora.Record{Change: r.Sums[0], Error: r.Sums[1], Weight: r.Sums[2], Rank: int(r.Sums[3])}
		table.Rows = append(table.Rows, ops.TableRow{Name: n.Module, Values: append([]float64{float64(rec.Rank)}, shares(rec.Change, rec.Error, rec.Weight)...)})
		sum.add(layout, n.Module, rec)
	}
	s := shares(math.Sqrt(sum.change), math.Sqrt(sum.err), math.Sqrt(sum.weight))
	values := map[string]float64{
		"relative_error": s[0], "lost": s[1], "kept": s[2], "max_rank": sum.most, "mean_rank": sum.ranks / max(sum.modules, 1),
		"modules": sum.modules, "saved": sum.saved, "unchanged": sum.same, "parameters": sum.parameters,
	}
	return ops.Metrics{Values: map[string]map[string]float64{p.Adapter.Name: values}, Tables: []ops.Table{table}}, nil
}

func (t *totals) add(l *lora.Layout, name string, r lora.Record) {
	t.change += r.Change * r.Change
	t.err += r.Error * r.Error
	t.weight += r.Weight * r.Weight
	m, factored := l.Module(module(name))
	switch {
	case r.Unchanged():
		t.same++
	case factored && module(name)+".weight" == name:
		t.modules++
		t.ranks += float64(r.Rank)
		t.most = max(t.most, float64(r.Rank))
		t.parameters += float64(r.Rank * (m.In + m.Out))
	default:
		t.saved++
		for _, s := range l.Saved {
			if s.Name == name {
				t.parameters += float64(s.Info.Shape.Numel())
			}
		}
	}
}

// shares are the relative error, and what of the change is lost and kept.
func shares(change, err, weight float64) []float64 {
	relative, lost := err/weight, err/change
	if err == 0 {
		relative, lost = 0, 0
	}
	return []float64{relative, lost, 1 - lost*lost}
}
