package cli

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/cmd/myvault/internal/connect"
	"github.com/myswiftagent/myvault/internal/rfc3339"
)

const auditHelp = `Shows the entries of the trail that you may audit, oldest first. These are the
newest 50, with --since all since then, and with --limit at most that many of
the newest.

--follow also shows new entries, until it is stopped. Every --interval it reads
the trail. It leaves out readings of the trail by its own service, which are
recorded too.`

// auditOptions are the flags of audit.
type auditOptions struct {
	since, until, service, action, outcome string
	limit                                  int
	follow                                 bool
	interval                               time.Duration
}

func (a *app) auditCommand() *cobra.Command {
	var o auditOptions
	c := &cobra.Command{
		Use:   "audit [PREFIX]",
		Short: "Show the trail of reads, changes and denials",
		Long:  auditHelp,
		Example: `  myvault audit --since 1h newsbot/prod/
  myvault audit --outcome denied --json
  myvault audit --follow --json | jq -r .service`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: a.completeAddress,
	}
	flags := c.Flags()
	flags.StringVar(&o.since, "since", "", "entries since this `time`, or for this duration, such as 1h or 7d")
	flags.StringVar(&o.until, "until", "", "entries before this `time`")
	flags.StringVar(&o.service, "of", "", "entries of this `service`")
	flags.StringVar(&o.action, "action", "", "entries with this `action`, such as read, write or login")
	flags.StringVar(&o.outcome, "outcome", "", "entries with this `outcome`, such as ok or denied")
	flags.IntVar(&o.limit, "limit", 50, "`number` of entries, the newest; 0: all; with --since, all is the default")
	flags.BoolVar(&o.follow, "follow", false, "show new entries until stopped")
	flags.DurationVar(&o.interval, "interval", 5*time.Second, "`time` between two readings of --follow")
	c.MarkFlagsMutuallyExclusive("until", "follow")
	c.RunE = a.withVault(func(ctx context.Context, v *connect.Vault, args []string) error {
		filter, err := o.filter(args)
		if err != nil {
			return err
		}
		if o.since != "" && !flags.Changed("limit") {
			o.limit = 0
		}
		return a.audit(ctx, v, filter, o)
	})
	return c
}

func (o auditOptions) filter(args []string) (f myvault.TrailFilter, err error) {
	if f.Prefix, err = optionalPrefix(args); err != nil {
		return f, err
	}
	if f.Since, err = parseTime("since", o.since, true); err != nil {
		return f, err
	}
	if f.Until, err = parseTime("until", o.until, true); err != nil {
		return f, err
	}
	switch {
	case o.limit < 0:
		return f, usagef("--limit must not be negative")
	case o.interval <= 0:
		return f, usagef("--interval must be positive")
	}
	f.Service, f.Action, f.Outcome = o.service, o.action, myvault.Outcome(o.outcome)
	return f, nil
}

func (a *app) audit(ctx context.Context, v *connect.Vault, f myvault.TrailFilter, o auditOptions) error {
	shown := make(myvault.Cursor) // the newest entry of each chain
	entries, err := newEntries(ctx, v, f, shown, o.limit)
	if err != nil {
		return err
	}
	if err := a.printEntries(entries, o.follow); err != nil || !o.follow {
		return err
	}
	caller, err := v.Caller(ctx)
	if err != nil {
		return err
	}
	for {
		select {
		case <-ctx.Done():
			return nil // --follow ends with a signal
		case <-time.After(o.interval):
		}
		f.Since = later(f.Since, entries)
		entries, err = newEntries(ctx, v, f, shown, 0)
		if stopped(ctx) {
			return nil
		}
		if err != nil {
			return err
		}
		entries = slices.DeleteFunc(entries, func(e myvault.Entry) bool { return e.Service == caller && isFollowing(e) })
		if err := a.printEntries(entries, true); err != nil {
			return err
		}
	}
}

// isFollowing reports whether --follow itself makes such entries: it reads the trail, and asks for
// its caller.
func isFollowing(e myvault.Entry) bool {
	return e.Action == "audit" || e.Action == "explain" && e.Address == myvault.Address{}
}

func stopped(ctx context.Context) bool { return ctx.Err() != nil }

// lateness is how much later than its time an entry can appear in the trail.
const lateness = 5 * time.Second

// later returns since when new entries can follow those shown. At first that is the time of the
// newest one: older entries of a chain that has shown none are not new.
func later(since time.Time, shown []myvault.Entry) time.Time {
	if len(shown) == 0 {
		return since
	}
	newest := shown[len(shown)-1].At
	if since.IsZero() {
		return newest
	}
	if newest = newest.Add(-lateness); newest.After(since) {
		return newest
	}
	return since
}

// newEntries returns the entries behind shown, oldest first, and moves shown to the newest. If
// limit is not 0, it returns only that many of the newest.
func newEntries(ctx context.Context, v *connect.Vault, f myvault.TrailFilter, shown myvault.Cursor, limit int) ([]myvault.Entry, error) {
	var entries []myvault.Entry
	known := make(map[string]bool) // chains whose entries before have been shown
	for {
		page, err := v.TrailPage(ctx, f, 1000)
		if err != nil {
			return nil, err
		}
		for _, e := range page.Items {
			if e.Seq <= shown[e.Chain] {
				known[e.Chain] = true
				continue
			}
			entries = append(entries, e)
		}
		if !page.More || limit > 0 && len(entries) >= limit || len(known) > 0 && len(known) == len(shown) {
			break
		}
		f.Before = page.Next
	}
	if limit > 0 && len(entries) > limit {
		entries = entries[:limit]
	}
	slices.Reverse(entries)
	for _, e := range entries {
		shown[e.Chain] = max(shown[e.Chain], e.Seq)
	}
	return entries, nil
}

// entry is the JSON of an entry. Its members have the names of the HTTP API.
type entry struct {
	Chain     string `json:"chain"`
	Seq       uint64 `json:"seq"`
	At        string `json:"at"`
	Service   string `json:"service"`
	Via       string `json:"via"`
	Remote    string `json:"remote,omitempty"`
	Action    string `json:"action"`
	Project   string `json:"project"`
	Path      string `json:"path"`
	Version   uint64 `json:"version"`
	Outcome   string `json:"outcome"`
	Count     uint64 `json:"count"`
	RequestID string `json:"request_id"`
}

func entryOf(e myvault.Entry) entry {
	return entry{
		e.Chain, e.Seq, rfc3339.Format(e.At), e.Service, e.Via, e.Remote, e.Action, e.Address.Project, e.Address.Path,
		uint64(e.Version), string(e.Outcome), e.Count, e.Request,
	}
}

func (a *app) printEntries(entries []myvault.Entry, flush bool) error {
	t := a.table("AT", "SERVICE", "VIA", "ACTION", "OUTCOME", "ADDRESS", "COUNT")
	for _, e := range entries {
		target := e.Address.String()
		if e.Version > 0 {
			target += fmt.Sprint(" v", e.Version)
		}
		if err := t.row(entryOf(e), e.At.Local().Format(time.DateTime), e.Service, e.Via, e.Action, e.Outcome, target, e.Count); err != nil {
			return err
		}
	}
	if err := t.end(); err != nil || !flush {
		return err
	}
	return a.out.Flush()
}
