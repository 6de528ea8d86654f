package transfer

import (
	"errors"
	"fmt"
	"strings"

	"github.com/myswiftagent/myvault"
)

// Report tells what [Copy] found and did. Its lists hold names, never a value.
type Report struct {
	DryRun    bool
	Projects  int // of the source
	Addresses int // of the source, deleted ones too
	Versions  int // of the source, deleted and destroyed ones too
	// Written is how many versions this run wrote; of a dry run, how many a run would write.
	Written int
	// Unfit is what no store, or not this target, can represent.
	Unfit []Problem
	// Unreadable are the versions whose value the source cannot give; see
	// CopyOptions.DestroyUnreadable.
	Unreadable []Problem
	// Conflicts is what the target holds and the source never held in this way.
	Conflicts []Problem
	// Different is what was not equal at the end.
	Different []Problem
	// SourceChanged tells that the source was not the same at the end as at the beginning.
	SourceChanged bool
	// Uncompared is how many values of deleted versions were carried but not compared,
	// because one side cannot give them.
	Uncompared int
	// Source and Target are the digests of both sides as they were read at the end: equal
	// where every project, address, version, state, time, author, expiry and value is. What was
	// carried as destroyed counts as destroyed. Empty where it did not come to that.
	Source, Target string
}

// Problem is one thing that a CopyReport lists. An Address without Path is a project, the
// zero one the whole store; Version 0 is the whole secret.
type Problem struct {
	Address myvault.Address
	Version myvault.Version
	Reason  string
}

// String gives one line such as "newsbot/prod/db version 3: the source cannot give its value".
func (p Problem) String() string {
	switch {
	case p.Address == (myvault.Address{}):
		return p.Reason
	case p.Version == 0:
		return p.Address.String() + ": " + p.Reason
	}
	return fmt.Sprintf("%s version %d: %s", p.Address, p.Version, p.Reason)
}

// Equal reports whether both sides were read at the end and found equal.
func (r Report) Equal() bool { return r.Source != "" && r.Source == r.Target }

// String gives several lines: the counts, what is listed, and the digests.
func (r Report) String() string {
	var b strings.Builder
	written := "written"
	if r.DryRun {
		written = "to write"
	}
	fmt.Fprintf(&b, "%d projects, %d secrets, %d versions in the source; %d versions %s\n", r.Projects, r.Addresses, r.Versions, r.Written, written)
	for _, list := range []struct {
		title    string
		problems []Problem
	}{
		{"cannot be represented", r.Unfit}, {"not readable in the source", r.Unreadable},
		{"in the target's way", r.Conflicts}, {"different at the end", r.Different},
	} {
		if len(list.problems) > 0 {
			fmt.Fprintf(&b, "%s: %d\n", list.title, len(list.problems))
		}
		for _, p := range list.problems {
			fmt.Fprintf(&b, "  %s\n", p)
		}
	}
	if r.SourceChanged {
		b.WriteString("the source changed meanwhile\n")
	}
	if r.Uncompared > 0 {
		fmt.Fprintf(&b, "values of deleted versions that could not be compared: %d\n", r.Uncompared)
	}
	if r.Source != "" {
		fmt.Fprintf(&b, "digest of the source: %s\ndigest of the target: %s\n", r.Source, r.Target)
	}
	return b.String()
}

// refusal gives the reasons why nothing may be written.
func (r *Report) refusal(destroy bool) error {
	var wrong []error
	if n := len(r.Unfit); n > 0 {
		wrong = append(wrong, fmt.Errorf("%w: nothing was written; what cannot be represented, listed in the report: %d", myvault.ErrInvalid, n))
	}
	if n := len(r.Unreadable); n > 0 && !destroy {
		wrong = append(wrong, fmt.Errorf("%w: nothing was written; versions whose value the source cannot give: %d; undelete those secrets, or have them carried as destroyed", errors.ErrUnsupported, n))
	}
	if n := len(r.Conflicts); n > 0 {
		wrong = append(wrong, fmt.Errorf("%w: nothing was written; what the target holds and the source never held so, listed in the report: %d", myvault.ErrConflict, n))
	}
	return errors.Join(wrong...)
}

// inequality gives the error of a copy whose sides are not equal.
func (r *Report) inequality() error {
	switch {
	case r.Equal():
		return nil
	case r.SourceChanged:
		return fmt.Errorf("%w: the source changed while it was copied, and the target is behind; copy again", myvault.ErrConflict)
	}
	return fmt.Errorf("%w: the target is not equal to the source; the report lists where", myvault.ErrConflict)
}
