package move

import (
	"fmt"
	"strings"

	"github.com/myswiftagent/myvault/providers/pyvault"
	"github.com/myswiftagent/myvault/transfer"
)

// Report is the result of a copy.
type Report struct {
	DryRun        bool      `json:"dry_run" help:"true: nothing was written"`
	Projects      int       `json:"projects" help:"projects of the source"`
	Secrets       int       `json:"secrets" help:"secrets of the source, deleted ones too"`
	Versions      int       `json:"versions" help:"versions of the source, deleted and destroyed ones too"`
	Written       int       `json:"written" help:"versions that were written, or would be"`
	Equal         bool      `json:"equal" help:"true: both sides were read at the end and are equal"`
	SourceChanged bool      `json:"source_changed" help:"true: the source changed meanwhile"`
	Uncompared    int       `json:"uncompared" help:"values of deleted versions that one side cannot read"`
	Source        string    `json:"source_digest" help:"digest of the source; empty if it was not read to its end"`
	Target        string    `json:"target_digest" help:"digest of the target"`
	Skipped       []Problem `json:"skipped" help:"entries of the Python service that cannot be copied"`
	Unfit         []Problem `json:"unfit" help:"what the target cannot represent"`
	Unreadable    []Problem `json:"unreadable" help:"versions whose value the source cannot read"`
	Conflicts     []Problem `json:"conflicts" help:"what only the target has"`
	Different     []Problem `json:"different" help:"what was not equal at the end"`

	skipped []pyvault.Problem
	copied  *transfer.Report // nil: the copy did not begin
}

// Problem is about a version, a secret, a project or the whole store.
type Problem struct {
	Project string `json:"project" help:"empty: the whole store"`
	Path    string `json:"path" help:"empty: the whole project"`
	Version uint64 `json:"version" help:"0: the whole secret"`
	Reason  string `json:"reason" help:"what is wrong"`
}

// begun reports whether there is something to report.
func (r *Report) begun() bool { return len(r.skipped) > 0 || r.copied != nil }

// String returns the lists and the counts, on several lines.
func (r *Report) String() string {
	var text strings.Builder
	for _, p := range r.skipped {
		fmt.Fprintln(&text, "cannot be copied:", p)
	}
	if r.copied != nil {
		text.WriteString(r.copied.String())
	}
	if r.Equal {
		fmt.Fprintln(&text, "equal")
	}
	return text.String()
}

// newReport returns the report of a copy that has not begun.
func newReport(skipped []pyvault.Problem) *Report {
	r := &Report{skipped: skipped}
	r.Skipped = problems(skipped, func(p pyvault.Problem) Problem { return Problem{p.Project, p.Path, 0, p.Reason} })
	r.Unfit, r.Unreadable, r.Conflicts, r.Different = []Problem{}, []Problem{}, []Problem{}, []Problem{}
	return r
}

// add adds the result of the copy.
func (r *Report) add(c transfer.Report, equal bool) {
	r.copied, r.Equal = &c, equal
	r.DryRun, r.Projects, r.Secrets, r.Versions, r.Written = c.DryRun, c.Projects, c.Addresses, c.Versions, c.Written
	r.SourceChanged, r.Uncompared, r.Source, r.Target = c.SourceChanged, c.Uncompared, c.Source, c.Target
	of := func(p transfer.Problem) Problem {
		return Problem{p.Address.Project, p.Address.Path, uint64(p.Version), p.Reason}
	}
	r.Unfit, r.Unreadable = problems(c.Unfit, of), problems(c.Unreadable, of)
	r.Conflicts, r.Different = problems(c.Conflicts, of), problems(c.Different, of)
}

func problems[T any](all []T, of func(T) Problem) []Problem {
	list := make([]Problem, 0, len(all)) // [] in JSON, not null
	for _, p := range all {
		list = append(list, of(p))
	}
	return list
}
