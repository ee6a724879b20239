package ops

// Metrics is what a measuring step yields.
type Metrics struct {
	// Values holds metric by model and name; a recipe reads
	// step.model.metric in gates and `when`.
	Values map[string]map[string]float64
	// Protocol says how the numbers came about, with the version of the rules:
	// numbers of different protocols do not compare. Empty where there is but
	// one way.
	Protocol string
	// Notes are sentences for people about what the numbers do not show.
	Notes []string
	// Tables hold the details by tensor, for reports and --json.
	Tables []Table
}

// Table is a list of rows under named columns.
type Table struct {
	Title   string
	Columns []string
	Rows    []TableRow
}

// TableRow is one line of a Table; Values follow Columns.
type TableRow struct {
	Name   string
	Values []float64
}
