package scenarios

import "github.com/myswiftagent/myvault/bench/measure"

// diskTables measure the size of a secret on the disk. It does not vary between rounds.
func diskTables(r *run) ([]Table, error) {
	t := Table{Title: "Size on the disk", Note: "Bytes per secret in the files of a closed store that holds one version of each secret. " +
		"A name has 28 bytes and a value 64. myVault's files include the trail entry of each change. setec's file was written at once, so its trail has no entries."}
	for _, secrets := range r.Sizes {
		var vault measure.Samples
		for _, e := range engines(secrets) {
			bytes, err := r.fileSize(e, secrets)
			if err != nil {
				return nil, err
			}
			figure := measure.Samples{float64(bytes) / float64(secrets)}
			row := Row{What: e.Name, Secrets: secrets, Unit: size, Figure: figure}
			if vault == nil {
				vault = figure
			} else {
				row.Against, row.Ratio = "myVault", figure.Over(vault)
			}
			t.Rows = append(t.Rows, row)
		}
	}
	return []Table{t}, nil
}
