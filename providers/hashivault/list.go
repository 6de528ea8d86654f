package hashivault

import (
	"context"
	"iter"
	"slices"
	"strings"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/hashivault/internal/parallel"
)

// List implements [myvault.Provider]: one request for each folder that is not wholly outside
// the range, and one for each secret, up to sixteen at a time. No value is moved. Changes made
// while it runs may or may not be included.
func (s *Store) List(ctx context.Context, r myvault.ListOptions) iter.Seq2[myvault.Info, error] {
	return func(yield func(myvault.Info, error) bool) {
		for info, err := range s.walk(ctx, r) {
			if err == nil && (info.State == 0 || (info.State == myvault.Live) == r.Deleted) {
				continue
			}
			if !yield(info, err) || err != nil {
				return
			}
		}
	}
}

// walk yields every address in the range that has a key in Vault, in every state. A key that
// never had a version has the state 0.
func (s *Store) walk(ctx context.Context, r myvault.ListOptions) iter.Seq2[myvault.Info, error] {
	w := &walker{store: s, r: r, slots: make(chan struct{}, parallel.Limit)}
	switch p := r.Prefix; {
	case p.Project == "":
		return w.allProjects(ctx)
	case p.Path == "" || strings.HasSuffix(p.Path, "/"):
		return w.each(ctx, []dirEntry{{myvault.Address(p), true}})
	default:
		below := myvault.Address{Project: p.Project, Path: p.Path + "/"}
		return w.each(ctx, []dirEntry{{myvault.Address(p), false}, {below, true}})
	}
}

// walker visits folders in the order of the addresses.
type walker struct {
	store *Store
	r     myvault.ListOptions
	slots chan struct{} // limits the requests at a time, at all depths together
}

// dirEntry is a secret or a folder. The path of a folder is empty or ends in a slash.
type dirEntry struct {
	addr   myvault.Address
	folder bool
}

// valid reports whether addresses can be there. Projects of the vault's own start with a dot.
func (e dirEntry) valid() bool {
	project := strings.TrimPrefix(e.addr.Project, ".")
	path := e.addr.Path
	if e.folder {
		path = strings.TrimSuffix(path, "/") + "/x"
		path = strings.TrimPrefix(path, "/")
	}
	return myvault.Address{Project: project, Path: path}.Validate() == nil
}

// visited is what Vault answers about an entry.
type visited struct {
	info    myvault.Info // of a secret
	entries []dirEntry   // of a folder
	folder  bool
}

// allProjects walks all projects in the order of their names without the slash that marks
// folders: "a b" comes after "a".
func (w *walker) allProjects(ctx context.Context) iter.Seq2[myvault.Info, error] {
	return func(yield func(myvault.Info, error) bool) {
		names, err := whileOpen(ctx, w.store, func() ([]string, error) {
			return w.store.kv.list(ctx, w.store.kv.base+"/"+secretsFolder)
		})
		if err != nil {
			yield(myvault.Info{}, err)
			return
		}
		var entries []dirEntry
		for _, name := range names {
			e := dirEntry{myvault.Address{Project: strings.TrimSuffix(name, "/")}, true}
			if strings.HasSuffix(name, "/") && e.valid() {
				entries = append(entries, e)
			}
		}
		slices.SortFunc(entries, func(a, b dirEntry) int { return a.addr.Compare(b.addr) })
		for info, err := range w.each(ctx, entries) {
			if !yield(info, err) {
				return
			}
		}
	}
}

// each walks entries that are in order.
func (w *walker) each(ctx context.Context, entries []dirEntry) iter.Seq2[myvault.Info, error] {
	entries = slices.DeleteFunc(entries, w.before)
	return func(yield func(myvault.Info, error) bool) {
		for v, err := range parallel.Map(ctx, len(entries), func(ctx context.Context, i int) (visited, error) { return w.visit(ctx, entries[i]) }) {
			if err != nil || !v.folder {
				if !yield(v.info, err) || err != nil {
					return
				}
				continue
			}
			for info, err := range w.each(ctx, v.entries) {
				if !yield(info, err) || err != nil {
					return
				}
			}
		}
	}
}

// before reports whether an entry, with everything below it, comes no later than After.
func (w *walker) before(e dirEntry) bool {
	after := w.r.After
	switch {
	case after == (myvault.Address{}) || e.addr.Project > after.Project:
		return false
	case e.addr.Project < after.Project:
		return true
	case e.folder:
		return e.addr.Path < after.Path && !strings.HasPrefix(after.Path, e.addr.Path)
	}
	return e.addr.Path <= after.Path
}

// visit makes the request about an entry.
func (w *walker) visit(ctx context.Context, e dirEntry) (visited, error) {
	select {
	case w.slots <- struct{}{}:
		defer func() { <-w.slots }()
	case <-ctx.Done():
		return visited{}, ctx.Err()
	}
	return whileOpen(ctx, w.store, func() (visited, error) {
		key := w.store.kv.secretKey(e.addr)
		if e.folder {
			names, err := w.store.kv.list(ctx, key)
			return visited{folder: true, entries: entriesOf(e.addr, names)}, err
		}
		d, m, err := w.store.kv.stat(ctx, key, newest)
		if err != nil || m == nil {
			return visited{}, err
		}
		return visited{info: m.Info(e.addr, d)}, nil
	})
}

// entriesOf returns the entries of a folder in the order of the addresses. It skips names that
// no address can have: a folder that contains itself would never end. The slash at the end of a
// folder's name counts for the order: "a-x" comes before everything below "a/", and "a0" after
// it.
func entriesOf(folder myvault.Address, names []string) []dirEntry {
	slices.Sort(names)
	var entries []dirEntry
	for _, name := range names {
		e := dirEntry{
			addr:   myvault.Address{Project: folder.Project, Path: folder.Path + name},
			folder: strings.HasSuffix(name, "/"),
		}
		if e.valid() {
			entries = append(entries, e)
		}
	}
	return entries
}
