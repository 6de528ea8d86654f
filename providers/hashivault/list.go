package hashivault

import (
	"context"
	"iter"
	"slices"
	"strings"

	"github.com/myswiftagent/myvault"
)

// List implements [myvault.Provider]: one request for each folder that is not wholly outside
// the range, and one for each secret, up to sixteen at once. No value is moved. What
// changes while it runs may show or not.
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

// walk yields every address in the range that has a key in Vault, whatever its state; a
// key that never had a version has the state 0.
func (s *Store) walk(ctx context.Context, r myvault.ListOptions) iter.Seq2[myvault.Info, error] {
	w := &walk{store: s, r: r, turns: make(chan struct{}, atOnce)}
	switch p := r.Prefix; {
	case p.Project == "":
		return w.everything(ctx)
	case p.Path == "" || strings.HasSuffix(p.Path, "/"):
		return w.each(ctx, []place{{myvault.Address(p), true}})
	default:
		below := myvault.Address{Project: p.Project, Path: p.Path + "/"}
		return w.each(ctx, []place{{myvault.Address(p), false}, {below, true}})
	}
}

// walk goes through the folders in the order of the addresses.
type walk struct {
	store *Store
	r     myvault.ListOptions
	turns chan struct{} // bounds the requests at once, at all depths together
}

// place is a secret, or a folder with all that is below: then the path is empty or ends in a slash.
type place struct {
	addr   myvault.Address
	folder bool
}

// valid reports whether secrets can be there. Projects of the vault's own begin with a dot.
func (p place) valid() bool {
	project := strings.TrimPrefix(p.addr.Project, ".")
	path := p.addr.Path
	if p.folder {
		path = strings.TrimSuffix(path, "/") + "/x"
		path = strings.TrimPrefix(path, "/")
	}
	return myvault.Address{Project: project, Path: path}.Validate() == nil
}

// found is what a request tells of a place.
type found struct {
	info   myvault.Info // of a secret
	inside []place      // of a folder
	folder bool
}

// everything walks all projects. They are ordered by name, without the slash that
// marks folders: "a b" comes after "a".
func (w *walk) everything(ctx context.Context) iter.Seq2[myvault.Info, error] {
	return func(yield func(myvault.Info, error) bool) {
		names, err := guarded(ctx, w.store, func() ([]string, error) {
			return w.store.kv.list(ctx, w.store.kv.base+"/"+secretsFolder)
		})
		if err != nil {
			yield(myvault.Info{}, err)
			return
		}
		var places []place
		for _, name := range names {
			p := place{myvault.Address{Project: strings.TrimSuffix(name, "/")}, true}
			if strings.HasSuffix(name, "/") && p.valid() {
				places = append(places, p)
			}
		}
		slices.SortFunc(places, func(a, b place) int { return a.addr.Compare(b.addr) })
		for info, err := range w.each(ctx, places) {
			if !yield(info, err) {
				return
			}
		}
	}
}

// each walks places that are in order.
func (w *walk) each(ctx context.Context, places []place) iter.Seq2[myvault.Info, error] {
	places = slices.DeleteFunc(places, w.passed)
	return func(yield func(myvault.Info, error) bool) {
		for f, err := range ordered(ctx, len(places), func(ctx context.Context, i int) (found, error) { return w.ask(ctx, places[i]) }) {
			if err != nil || !f.folder {
				if !yield(f.info, err) || err != nil {
					return
				}
				continue
			}
			for info, err := range w.each(ctx, f.inside) {
				if !yield(info, err) || err != nil {
					return
				}
			}
		}
	}
}

// passed reports whether a place comes, with all that is below it, no later than After.
func (w *walk) passed(p place) bool {
	after := w.r.After
	switch {
	case after == (myvault.Address{}) || p.addr.Project > after.Project:
		return false
	case p.addr.Project < after.Project:
		return true
	case p.folder:
		return p.addr.Path < after.Path && !strings.HasPrefix(after.Path, p.addr.Path)
	}
	return p.addr.Path <= after.Path
}

// ask makes the request about a place.
func (w *walk) ask(ctx context.Context, p place) (found, error) {
	select {
	case w.turns <- struct{}{}:
		defer func() { <-w.turns }()
	case <-ctx.Done():
		return found{}, ctx.Err()
	}
	return guarded(ctx, w.store, func() (found, error) {
		key := w.store.kv.secretKey(p.addr)
		if p.folder {
			names, err := w.store.kv.list(ctx, key)
			return found{folder: true, inside: inside(p.addr, names)}, err
		}
		r, m, err := w.store.kv.look(ctx, key, newest)
		if err != nil || m == nil {
			return found{}, err
		}
		return found{info: m.info(p.addr, r)}, nil
	})
}

// inside returns the places in a folder, in the order of the addresses. Names that no address can
// have are passed over: a folder in itself would never end. The slash at the end of a folder's name
// takes part in it: "a-x" comes before everything below "a/", and "a0" after.
func inside(folder myvault.Address, names []string) []place {
	slices.Sort(names)
	var places []place
	for _, name := range names {
		p := place{
			addr:   myvault.Address{Project: folder.Project, Path: folder.Path + name},
			folder: strings.HasSuffix(name, "/"),
		}
		if p.valid() {
			places = append(places, p)
		}
	}
	return places
}
