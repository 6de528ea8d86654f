package myvault

import (
	"errors"
	"fmt"
	"strings"
)

// CopyReport tells what [Copy] found and did. Its lists hold names, never a value.
type CopyReport struct {
	DryRun    bool
	Projects  int // of the source
	Addresses int // of the source, deleted ones too
	Versions  int // of the source, deleted and destroyed ones too
	// Written is how many versions this run wrote; of a dry run, how many a run would write.
	Written int
	// Unfit is what no store, or not this target, can represent.
	Unfit []CopyProblem
	// Unreadable are the versions whose value the source cannot give; see
	// CopyOptions.DestroyUnreadable.
	Unreadable []CopyProblem
	// Conflicts is what the target holds and the source never held in this way.
	Conflicts []CopyProblem
	// Different is what was not equal at the end.
	Different []CopyProblem
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

// CopyProblem is one thing that a CopyReport lists. An Address without Path is a project, the
// zero one the whole store; Version 0 is the whole secret.
type CopyProblem struct {
	Address Address
	Version Version
	Reason  string
}

// String gives one line such as "newsbot/prod/db version 3: the source cannot give its value".
func (p CopyProblem) String() string {
	switch {
	case p.Address == (Address{}):
		return p.Reason
	case p.Version == 0:
		return p.Address.String() + ": " + p.Reason
	}
	return fmt.Sprintf("%s version %d: %s", p.Address, p.Version, p.Reason)
}

// Equal reports whether both sides were read at the end and found equal.
func (r CopyReport) Equal() bool { return r.Source != "" && r.Source == r.Target }

// String gives several lines: the counts, what is listed, and the digests.
func (r CopyReport) String() string {
	var b strings.Builder
	written := "written"
	if r.DryRun {
		written = "to write"
	}
	fmt.Fprintf(&b, "%d projects, %d secrets, %d versions in the source; %d versions %s\n", r.Projects, r.Addresses, r.Versions, r.Written, written)
	for _, list := range []struct {
		title    string
		problems []CopyProblem
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
func (r *CopyReport) refusal(destroy bool) error {
	var wrong []error
	if n := len(r.Unfit); n > 0 {
		wrong = append(wrong, fmt.Errorf("%w: nothing was written; what cannot be represented, listed in the report: %d", ErrInvalid, n))
	}
	if n := len(r.Unreadable); n > 0 && !destroy {
		wrong = append(wrong, fmt.Errorf("%w: nothing was written; versions whose value the source cannot give: %d; undelete those secrets, or have them carried as destroyed", errors.ErrUnsupported, n))
	}
	if n := len(r.Conflicts); n > 0 {
		wrong = append(wrong, fmt.Errorf("%w: nothing was written; what the target holds and the source never held so, listed in the report: %d", ErrConflict, n))
	}
	return errors.Join(wrong...)
}

// inequality gives the error of a copy whose sides are not equal.
func (r *CopyReport) inequality() error {
	switch {
	case r.Equal():
		return nil
	case r.SourceChanged:
		return fmt.Errorf("%w: the source changed while it was copied, and the target is behind; copy again", ErrConflict)
	}
	return fmt.Errorf("%w: the target is not equal to the source; the report lists where", ErrConflict)
}
