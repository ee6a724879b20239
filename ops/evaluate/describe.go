package evaluate

import (
	"math"
	"slices"
)

// column is what all positions say of one thing.
type column struct{ values []float64 }

func columnFrom(places []position, f func(position) float64) column {
	out := make([]float64, len(places))
	for i, at := range places {
		out[i] = f(at)
	}
	return column{out}
}

// mean returns the mean with its standard error.
func (c column) mean() (mean, stderr float64) {
	sum, squares := total(c.values), 0.0
	for _, v := range c.values {
		squares += float64(v * v)
	}
	return sum / float64(len(c.values)), spread(sum, squares, len(c.values))
}

// quantiles files those that llama.cpp prints.
func (c column) quantiles(v map[string]float64, name string, some map[string]float64) {
	sorted := slices.Sorted(slices.Values(c.values))
	for q, at := range some {
		v[name+"_"+q] = quantile(sorted, at)
	}
}

var (
	quantilesKL = map[string]float64{"max": 1, "p999": 0.999, "p99": 0.99, "p95": 0.95, "p90": 0.9, "median": 0.5, "p10": 0.1, "p05": 0.05, "p01": 0.01, "p001": 0.001, "min": 0}
	quartiles   = map[string]float64{"p75": 0.75, "p25": 0.25}
)

// describeKL sums up positions, in their order.
func describeKL(places []position) map[string]float64 {
	v := map[string]float64{"positions": float64(len(places))}
	kl, dp := columnFrom(places, func(at position) float64 { return at.kl }), columnFrom(places, func(at position) float64 { return at.dp })
	v["kl"], v["kl_stderr"] = kl.mean()
	v["dp_mean"], v["dp_mean_stderr"] = dp.mean()
	kl.quantiles(v, "kl", quantilesKL)
	dp.quantiles(v, "dp", quantilesKL)
	dp.quantiles(v, "dp", quartiles)
	square, stderr := columnFrom(places, func(at position) float64 { return at.dp * at.dp }).mean()
	v["dp_rms"], v["dp_rms_stderr"] = math.Sqrt(square), stderr/max(2*math.Sqrt(square), math.SmallestNonzeroFloat64)
	share, _ := columnFrom(places, func(at position) float64 {
		if at.same {
			return 1
		}
		return 0
	}).mean()
	v["same_top"], v["same_top_stderr"] = share, math.Sqrt(share*(1-share)/math.Max(float64(len(places)-1), 1))
	describePerplexities(v, places)
	return v
}

// describePerplexities compares the two mean negative log likelihoods, whose
// errors go together: those of differences are by the positions' differences.
func describePerplexities(v map[string]float64, places []position) {
	own, ownErr := columnFrom(places, func(at position) float64 { return at.nll }).mean()
	ref, refErr := columnFrom(places, func(at position) float64 { return at.nllRef }).mean()
	ratio, ratioErr := columnFrom(places, func(at position) float64 { return at.nll - at.nllRef }).mean()
	v["perplexity"], v["perplexity_stderr"] = math.Exp(own), math.Exp(own)*ownErr
	v["reference_perplexity"], v["reference_perplexity_stderr"] = math.Exp(ref), math.Exp(ref)*refErr
	v["ln_ratio"], v["ln_ratio_stderr"] = ratio, ratioErr
	v["ratio"], v["ratio_stderr"] = math.Exp(ratio), math.Exp(ratio)*ratioErr
	covariance := (float64(ownErr*ownErr) + float64(refErr*refErr) - float64(ratioErr*ratioErr)) / 2
	if ownErr > 0 && refErr > 0 {
		v["nll_correlation"] = covariance / (ownErr * refErr)
	}
	// Small beside the perplexities, and not below zero for being rounded.
	a, b := v["perplexity"], v["reference_perplexity"]
	square := float64(a*a*ownErr*ownErr) + float64(b*b*refErr*refErr) - float64(2*a*b*covariance)
	v["difference"], v["difference_stderr"] = a-b, math.Sqrt(max(square, 0))
}
