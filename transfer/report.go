package transfer

import (
	"errors"
	"fmt"
	"strings"

	"github.com/myswiftagent/myvault"
)

// Report is the result of [Copy]. It holds names, never a value.
type Report struct {
	DryRun    bool
	Projects  int // of the source
	Addresses int // of the source, deleted ones too
	Versions  int // of the source, deleted and destroyed ones too
	// Written is the number of versions this run wrote, or would write if it is a dry run.
	Written int
	// Unfit lists what the target cannot represent.
	Unfit []Problem
	// Unreadable lists the versions whose value the source cannot read; see
	// Options.DestroyUnreadable.
	Unreadable []Problem
	// Conflicts lists what the target holds and the source never held.
	Conflicts []Problem
	// Different lists what was not equal at the end.
	Different []Problem
	// SourceChanged is set if the source changed during the run.
	SourceChanged bool
	// Uncompared is the number of values of deleted versions that were not compared, because one
	// side cannot read them.
	Uncompared int
	// Source and Target are the digests of both sides at the end. They are equal if every project,
	// address, version, state, time, author and value is equal. Versions that were copied as
	// destroyed count as destroyed. Both are empty if Copy ended before.
	Source, Target string
}

// Problem is an item of a [Report]. An Address without a Path is a project, the zero Address the
// whole store. Version 0 is the whole secret.
type Problem struct {
	Address myvault.Address
	Version myvault.Version
	Reason  string
}

// String returns a line such as "newsbot/prod/db version 3: the source cannot read its value".
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

// String returns the counts, the lists and the digests, on several lines.
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
		{"in conflict with the target", r.Conflicts}, {"different at the end", r.Different},
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

// refusal returns the reasons to write nothing.
func (r *Report) refusal(destroy bool) error {
	var wrong []error
	if n := len(r.Unfit); n > 0 {
		wrong = append(wrong, fmt.Errorf("%w: nothing was written; the target cannot represent %d items that the report lists", myvault.ErrInvalid, n))
	}
	if n := len(r.Unreadable); n > 0 && !destroy {
		wrong = append(wrong, fmt.Errorf("%w: nothing was written; the source cannot read the values of %d versions: undelete those secrets, or set DestroyUnreadable", errors.ErrUnsupported, n))
	}
	if n := len(r.Conflicts); n > 0 {
		wrong = append(wrong, fmt.Errorf("%w: nothing was written; %d items of the target, listed in the report, never were in the source", myvault.ErrConflict, n))
	}
	return errors.Join(wrong...)
}

// inequality returns the error of a copy whose sides are not equal.
func (r *Report) inequality() error {
	switch {
	case r.Equal():
		return nil
	case r.SourceChanged:
		return fmt.Errorf("%w: the source changed during the copy; copy again", myvault.ErrConflict)
	}
	return fmt.Errorf("%w: the target differs from the source; see the report", myvault.ErrConflict)
}
