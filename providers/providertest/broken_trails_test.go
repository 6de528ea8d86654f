package providertest_test

import (
	"context"
	"crypto/rand"
	"iter"
	"slices"
	"strings"

	"github.com/myswiftagent/myvault"
)

// onEntries edits the entries that Entries yields.
func onEntries(edit func(r myvault.TrailFilter, all []myvault.Entry) []myvault.Entry) func(*fake) {
	return func(f *fake) {
		original := f.entries
		f.entries = func(ctx context.Context, r myvault.TrailFilter) iter.Seq2[myvault.Entry, error] {
			return edited(original(ctx, r), func(all []myvault.Entry) []myvault.Entry { return edit(r, all) })
		}
	}
}

// onEntry edits each entry that Entries yields.
func onEntry(edit func(*myvault.Entry)) func(*fake) {
	return onEntries(func(_ myvault.TrailFilter, all []myvault.Entry) []myvault.Entry {
		for i := range all {
			edit(&all[i])
		}
		return all
	})
}

// selecting edits the filter of Entries.
func selecting(edit func(*myvault.TrailFilter)) func(*fake) {
	return func(f *fake) {
		original := f.entries
		f.entries = func(ctx context.Context, r myvault.TrailFilter) iter.Seq2[myvault.Entry, error] {
			edit(&r)
			return original(ctx, r)
		}
	}
}

// filtered replaces a filter of Entries by another rule.
func filtered(clear func(*myvault.TrailFilter), keep func(myvault.TrailFilter, myvault.Entry) bool) func(*fake) {
	return func(f *fake) {
		original := f.entries
		f.entries = func(ctx context.Context, r myvault.TrailFilter) iter.Seq2[myvault.Entry, error] {
			asked := r
			clear(&r)
			return edited(original(ctx, r), func(all []myvault.Entry) []myvault.Entry {
				return slices.DeleteFunc(all, func(e myvault.Entry) bool { return !keep(asked, e) })
			})
		}
	}
}

var brokenTrails = []broken{
	{"a change leaves no entry", onEntries(func(_ myvault.TrailFilter, all []myvault.Entry) []myvault.Entry {
		return slices.DeleteFunc(all, func(e myvault.Entry) bool { return e.Chain == myvault.ChainChanges })
	}), []string{"trail/change", "trail/commit", "race/entries", "reopen/trail"}},
	{"a commit without entries leaves none", func(f *fake) {
		var quiet syncMap[string, bool]
		f.apply = func(ctx context.Context, c myvault.Commit) ([]myvault.Info, error) {
			quiet.set(c.At.String(), len(c.Entries) == 0)
			return f.Provider.Apply(ctx, c)
		}
		onEntries(func(_ myvault.TrailFilter, all []myvault.Entry) []myvault.Entry {
			return slices.DeleteFunc(all, func(e myvault.Entry) bool { return quiet.get(e.At.String()) })
		})(f)
	}, []string{"trail/without-entries"}},
	{"each destroyed version leaves an entry", onEntries(func(_ myvault.TrailFilter, all []myvault.Entry) []myvault.Entry {
		var more []myvault.Entry
		for _, e := range all {
			more = append(more, e)
			if e.Action == "destroy" && e.Version > 1 {
				more = append(more, e)
			}
		}
		return more
	}), []string{"trail/destroy"}},
	{"an entry is written outside its commit", func(f *fake) {
		f.apply = func(ctx context.Context, c myvault.Commit) ([]myvault.Info, error) {
			infos, err := f.Provider.Apply(ctx, c)
			if err != nil && ctx.Err() == nil {
				for i := range c.Changes {
					// A change that always succeeds carries the entry of the one that did not.
					c.Changes[i] = myvault.Change{Op: myvault.OpPut, Address: myvault.Address{Project: ".ghost", Path: "x"}, Value: myvault.Text("x")}
				}
				_, _ = f.Provider.Apply(ctx, c)
			}
			return infos, err
		}
	}, []string{"trail/refused", "trail/refused-commit", "auditor/refused"}},
	{"the entry of a canceled change is written", func(f *fake) {
		f.apply = func(ctx context.Context, c myvault.Commit) ([]myvault.Info, error) {
			if err := ctx.Err(); err != nil {
				_ = f.Provider.Record(context.WithoutCancel(ctx), c.Entries...)
				return nil, err
			}
			return f.Provider.Apply(ctx, c)
		}
	}, []string{"context/no-entry"}},
	{"changes are recorded as accesses", func(f *fake) {
		f.apply = func(ctx context.Context, c myvault.Commit) ([]myvault.Info, error) {
			entries := c.Entries
			c.Entries = nil
			infos, err := f.Provider.Apply(ctx, c)
			if err == nil {
				_ = f.Provider.Record(ctx, entries...)
			}
			return infos, err
		}
	}, []string{"trail/change", "trail/newest-first", "record/appends"}},
	{"entries name no version", onEntry(func(e *myvault.Entry) { e.Version = 0 }), []string{"trail/version", "record/fields", "race/entries"}},
	{"entries name no request", onEntry(func(e *myvault.Entry) { e.Request = "" }), []string{"trail/fields", "record/fields"}},
	{"entries count one", onEntry(func(e *myvault.Entry) { e.Count = 1 }), []string{"record/fields"}},
	{"every outcome is ok or not", onEntry(func(e *myvault.Entry) {
		if e.Outcome != myvault.OutcomeOK {
			e.Outcome = myvault.OutcomeError
		}
	}), []string{"record/outcomes", "record/fields"}},
	{"an entry without an address has one", onEntry(func(e *myvault.Entry) {
		if e.Address.Path == "" {
			e.Address.Path = "*"
		}
	}), []string{"record/no-address", "trail/change"}},
	{"an entry of a destroy has only the newest version", onEntry(func(e *myvault.Entry) {
		if n := len(e.Destroyed); n > 0 {
			e.Destroyed = []myvault.VersionRange{{First: e.Version, Last: e.Version}}
		}
	}), []string{"trail/destroyed"}},
	{"entries do not refer to the newest change", onEntry(func(e *myvault.Entry) { e.Seen = 0 }), []string{"record/seen", "reopen/seen", "reopen/trail"}},
	{"entries come oldest first", onEntries(func(_ myvault.TrailFilter, all []myvault.Entry) []myvault.Entry { slices.Reverse(all); return all }), []string{"trail/newest-first", "trail/commit", "trail/many"}},
	{"one chain comes after the other", onEntries(func(_ myvault.TrailFilter, all []myvault.Entry) []myvault.Entry {
		slices.SortStableFunc(all, func(a, b myvault.Entry) int { return strings.Compare(b.Chain, a.Chain) })
		return all
	}), []string{"trail/newest-first"}},
	{"entries are ordered by time alone", onEntries(func(_ myvault.TrailFilter, all []myvault.Entry) []myvault.Entry {
		slices.SortStableFunc(all, func(a, b myvault.Entry) int { return b.At.Compare(a.At) })
		return all
	}), []string{"trail/clock-back"}},
	{"entries end after a page", onEntries(func(_ myvault.TrailFilter, all []myvault.Entry) []myvault.Entry { return all[:min(256, len(all))] }), []string{"trail/many"}},
	{"a new trail has an entry", onEntries(func(_ myvault.TrailFilter, all []myvault.Entry) []myvault.Entry {
		return append(all, myvault.Entry{Chain: myvault.ChainAccess, Action: "open"})
	}), []string{"trail/empty", "filter/all"}},
	{"reads add entries", func(f *fake) {
		f.get = func(ctx context.Context, a myvault.Address, v myvault.Version) (myvault.Secret, error) {
			_ = f.Provider.Record(ctx, myvault.Entry{Action: "read", Address: a})
			return f.Provider.Get(ctx, a, v)
		}
	}, []string{"trail/no-reads"}},
	{"entries of one record are written backwards", func(f *fake) {
		f.record = func(ctx context.Context, entries ...myvault.Entry) error {
			entries = slices.Clone(entries)
			slices.Reverse(entries)
			return f.Provider.Record(ctx, entries...)
		}
	}, []string{"record/several"}},
	{"a record appends only its last entry", func(f *fake) {
		f.record = func(ctx context.Context, entries ...myvault.Entry) error {
			return f.Provider.Record(ctx, entries[len(entries)-1:]...)
		}
	}, []string{"record/several", "filter/all"}},
	{"a record applies the change in its entry", func(f *fake) {
		f.record = func(ctx context.Context, entries ...myvault.Entry) error {
			if entries[0].Action == "write" {
				_, _ = f.Provider.Apply(ctx, myvault.Commit{Changes: []myvault.Change{{Op: myvault.OpPut, Address: entries[0].Address, Value: myvault.Text("x")}}})
			}
			return f.Provider.Record(ctx, entries...)
		}
	}, []string{"record/not-a-change"}},
	{"a sequence is used twice", func(f *fake) {
		original := f.entries
		f.entries = func(ctx context.Context, r myvault.TrailFilter) iter.Seq2[myvault.Entry, error] {
			return each(original(ctx, r), func(e *myvault.Entry) {
				if e.Chain == myvault.ChainAccess && e.Seq > 1 {
					e.Seq--
				}
			})
		}
	}, []string{"record/appends", "race/record", "trail/many"}},
	{"the filter of a prefix crosses segments", filtered(func(r *myvault.TrailFilter) { r.Prefix.Path = "" }, func(r myvault.TrailFilter, e myvault.Entry) bool {
		return strings.HasPrefix(e.Address.Path, r.Prefix.Path)
	}), []string{"filter/prefix", "filter/combined"}},
	{"the filter of a service is ignored", selecting(func(r *myvault.TrailFilter) { r.Service = "" }), []string{"filter/service", "filter/combined"}},
	{"the filter of an action is ignored", selecting(func(r *myvault.TrailFilter) { r.Action = "" }), []string{"filter/action", "filter/combined"}},
	{"the filter of an outcome is ignored", selecting(func(r *myvault.TrailFilter) { r.Outcome = "" }), []string{"filter/outcome"}},
	{"since is exclusive", selecting(func(r *myvault.TrailFilter) {
		if !r.Since.IsZero() {
			r.Since = r.Since.Add(1)
		}
	}), []string{"filter/since"}},
	{"until is inclusive", selecting(func(r *myvault.TrailFilter) {
		if !r.Until.IsZero() {
			r.Until = r.Until.Add(1)
		}
	}), []string{"filter/until"}},
	{"before is inclusive", selecting(func(r *myvault.TrailFilter) {
		more := myvault.Cursor{}
		for chain, seq := range r.Before {
			more[chain] = seq + 1
		}
		r.Before = more
	}), []string{"filter/before", "filter/before-one", "filter/pages"}},
	{"before of one chain omits the other", selecting(func(r *myvault.TrailFilter) {
		if len(r.Before) == 1 {
			r.Before = myvault.Cursor{myvault.ChainChanges: r.Before[myvault.ChainChanges], myvault.ChainAccess: r.Before[myvault.ChainAccess]}
		}
	}), []string{"filter/before-one"}},
	{"before must exist", onEntries(func(r myvault.TrailFilter, all []myvault.Entry) []myvault.Entry {
		if r.Before[myvault.ChainAccess] > 1<<30 {
			return nil
		}
		return all
	}), []string{"filter/before-beyond"}},
	{"an auditor has no MACs", onEntry(func(e *myvault.Entry) { e.MAC = nil }), []string{"auditor/mac-present", "auditor/mac", "auditor/heads"}},
	{"all MACs are equal", onEntry(func(e *myvault.Entry) { e.MAC, e.Prev = make([]byte, 32), make([]byte, 32) }), []string{"auditor/mac", "copy/heads-out"}},
	{"an entry is linked to itself", onEntry(func(e *myvault.Entry) { e.Prev = e.MAC }), []string{"auditor/linked", "copy/heads-out"}},
	{"the head is the entry before the newest", onHeads(func(h *myvault.Head) { h.Seq-- }), []string{"auditor/heads", "auditor/empty"}},
	{"the head of every call has another MAC", onHeads(func(h *myvault.Head) { h.MAC = make([]byte, 32); _, _ = rand.Read(h.MAC) }), []string{"auditor/heads", "auditor/refused", "reopen/heads"}},
	{"the MACs of entries are the store's own", func(f *fake) {
		var kept syncMap[uint64, []byte]
		original := f.entries
		f.entries = func(ctx context.Context, r myvault.TrailFilter) iter.Seq2[myvault.Entry, error] {
			return each(original(ctx, r), func(e *myvault.Entry) {
				if kept.get(e.Seq) == nil {
					kept.set(e.Seq, e.MAC)
				}
				e.MAC = kept.get(e.Seq)
			})
		}
	}, []string{"copy/entries-out"}},
}

// onHeads edits each head that Heads returns.
func onHeads(edit func(*myvault.Head)) func(*fake) {
	return func(f *fake) {
		f.heads = func(ctx context.Context) ([]myvault.Head, error) {
			heads, err := f.newest(ctx)
			for i := range heads {
				edit(&heads[i])
			}
			return heads, err
		}
	}
}
