package operate

import (
	"encoding/hex"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/internal/rfc3339"
	"github.com/myswiftagent/myvault/providers/sqlite"
)

// head is the JSON of a head. Its members have the names of the HTTP API.
type head struct {
	Chain string `json:"chain" help:"changes or access"`
	Seq   uint64 `json:"seq" help:"number of its newest entry; 0: the chain is empty"`
	At    string `json:"at" help:"time of that entry; empty if there is none"`
	MAC   string `json:"mac" help:"hexadecimal"`
}

func headsOf(heads []myvault.Head) []head {
	all := make([]head, 0, len(heads)) // [] in JSON, not null
	for _, h := range heads {
		all = append(all, head{h.Chain, h.Seq, rfc3339.Format(h.At), hex.EncodeToString(h.MAC)})
	}
	return all
}

// report is the result of verify and restore.
type report struct {
	Target            string `json:"target" help:"the directory or backup that was checked"`
	Changes           uint64 `json:"changes" help:"entries of the chain of changes"`
	Accesses          uint64 `json:"accesses" help:"entries of the chain of accesses"`
	Pruned            uint64 `json:"pruned" help:"access entries that were removed earlier and not checked"`
	Records           uint64 `json:"records" help:"versions whose value was decrypted"`
	Earlier           uint64 `json:"earlier_records" help:"those of them under an earlier data key"`
	Destroyed         uint64 `json:"destroyed" help:"destroyed versions"`
	Secrets           uint64 `json:"secrets" help:"addresses that agree with the log"`
	Projects          int    `json:"projects" help:"projects that agree with the log"`
	Heads             []head `json:"heads" help:"the heads of the trail"`
	TruncationChecked bool   `json:"truncation_checked" help:"true: each chain was compared with an earlier head"`
	Compared          []head `json:"compared" help:"the earlier heads that are still part of the trail"`
	NotComparable     []head `json:"not_comparable" help:"the earlier heads that were pruned and prove nothing"`
	Rekeying          bool   `json:"rekeying" help:"true: a change of the master key was begun and not finished"`
	text              string
}

func (r report) String() string { return r.text + "\n" }

func reportOf(target string, r sqlite.Report) report {
	return report{
		Target: target, Changes: r.Changes, Accesses: r.Accesses, Pruned: r.Pruned,
		Records: r.Records, Earlier: r.Earlier, Destroyed: r.Destroyed, Secrets: r.Secrets, Projects: r.Projects,
		Heads: headsOf(r.Heads), TruncationChecked: r.TruncationChecked,
		Compared: headsOf(r.Compared), NotComparable: headsOf(r.NotComparable), Rekeying: r.Rekeying,
		text: r.String(),
	}
}
