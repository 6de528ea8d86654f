package themes

import "github.com/myswiftagent/myvault/bench/measure"

// diskTables give what a secret takes on the disk. Nothing in it varies from round to round.
func diskTables(r *run) ([]Table, error) {
	t := Table{Title: "Size on the disk", Note: "What the files of a store take after it was filled with one version of each secret and closed, divided by their number. " +
		"A name has 28 bytes and a value 64. myVault keeps the entry of each change in it, and setec one of none, because its file was made in one go."}
	for _, secrets := range r.Sizes {
		var least measure.Samples
		for _, e := range engines(secrets) {
			bytes, err := r.used(e, secrets)
			if err != nil {
				return nil, err
			}
			figure := measure.Samples{float64(bytes) / float64(secrets)}
			row := Row{What: e.Name, Secrets: secrets, Unit: size, Figure: figure}
			if least == nil {
				least = figure
			} else {
				row.Against, row.Ratio = "myVault", figure.Over(least)
			}
			t.Rows = append(t.Rows, row)
		}
	}
	return []Table{t}, nil
}
