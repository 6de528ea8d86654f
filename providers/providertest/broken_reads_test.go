package providertest_test

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/myswiftagent/myvault"
)

// onGet edits the result of Get.
func onGet(edit func(f *fake, version myvault.Version, secret *myvault.Secret, err *error)) func(*fake) {
	return func(f *fake) {
		f.get = func(ctx context.Context, a myvault.Address, v myvault.Version) (myvault.Secret, error) {
			secret, err := f.Provider.Get(ctx, a, v)
			edit(f, v, &secret, &err)
			return secret, err
		}
	}
}

// onDestroyed edits the error of Get while the current version is destroyed.
func onDestroyed(edit func(current, asked myvault.Version, err error) error) func(*fake) {
	return func(f *fake) {
		f.get = func(ctx context.Context, a myvault.Address, asked myvault.Version) (myvault.Secret, error) {
			secret, err := f.Provider.Get(ctx, a, asked)
			for current := range f.Provider.Versions(ctx, a, 0) {
				if current.State == myvault.Destroyed {
					err = edit(current.Version, asked, err)
				}
				break
			}
			return secret, err
		}
	}
}

// onList edits the secrets that List yields.
func onList(edit func(f *fake, r myvault.ListOptions, all []myvault.Info) []myvault.Info) func(*fake) {
	return func(f *fake) {
		f.list = func(ctx context.Context, r myvault.ListOptions) iter.Seq2[myvault.Info, error] {
			return edited(f.Provider.List(ctx, r), func(all []myvault.Info) []myvault.Info { return edit(f, r, all) })
		}
	}
}

// asking edits the options of List.
func asking(edit func(*myvault.ListOptions)) func(*fake) {
	return func(f *fake) {
		f.list = func(ctx context.Context, r myvault.ListOptions) iter.Seq2[myvault.Info, error] {
			edit(&r)
			return f.Provider.List(ctx, r)
		}
	}
}

// renaming edits the addresses in Apply and Get.
func renaming(edit func(string) string) func(*fake) {
	return func(f *fake) {
		f.apply = func(ctx context.Context, c myvault.Commit) ([]myvault.Info, error) {
			c.Changes = slices.Clone(c.Changes)
			for i := range c.Changes {
				a := &c.Changes[i].Address
				a.Project, a.Path = edit(a.Project), edit(a.Path)
			}
			return f.Provider.Apply(ctx, c)
		}
		f.get = func(ctx context.Context, a myvault.Address, v myvault.Version) (myvault.Secret, error) {
			secret, err := f.Provider.Get(ctx, myvault.Address{Project: edit(a.Project), Path: edit(a.Path)}, v)
			secret.Address = a
			return secret, err
		}
	}
}

// storing edits the values in Apply.
func storing(edit func(string) string) func(*fake) {
	return func(f *fake) {
		f.apply = func(ctx context.Context, c myvault.Commit) ([]myvault.Info, error) {
			c.Changes = slices.Clone(c.Changes)
			for i, change := range c.Changes {
				if change.Op == myvault.OpPut {
					c.Changes[i].Value = myvault.Text(edit(change.Value.Reveal()))
				}
			}
			return f.Provider.Apply(ctx, c)
		}
	}
}

var brokenReads = []broken{
	{"get of a missing version returns the newest", onGet(func(f *fake, v myvault.Version, s *myvault.Secret, err *error) {
		if errors.Is(*err, myvault.ErrNotFound) && v > 1 {
			*s, *err = f.Provider.Get(context.Background(), myvault.Address{Project: "newsbot", Path: "prod/db"}, 0)
		}
	}), []string{"get/version-never-made"}},
	{"get of the current version returns number 0", onGet(func(_ *fake, v myvault.Version, s *myvault.Secret, _ *error) { s.Version = v }), []string{"get/current"}},
	{"get returns no author and time", onGet(func(_ *fake, _ myvault.Version, s *myvault.Secret, _ *error) {
		s.By, s.At = "", time.Time{}
	}), []string{"get/info", "get/author", "time/put"}},
	{"older versions are not found", onGet(func(f *fake, v myvault.Version, s *myvault.Secret, err *error) {
		if now, e := f.Provider.Get(context.Background(), s.Address, 0); e == nil && v != 0 && v < now.Version {
			*s, *err = myvault.Secret{}, myvault.ErrNotFound
		}
	}), []string{"put/keeps-older", "delete/older-return", "destroy/others-stay", "size/versions"}},
	{"a deleted address returns its older versions", func(f *fake) {
		f.get = func(ctx context.Context, a myvault.Address, v myvault.Version) (myvault.Secret, error) {
			secret, err := f.Provider.Get(ctx, a, v)
			for info, e := range f.Provider.Versions(ctx, a, 0) {
				if err != nil && e == nil && info.Version == v && info.State == myvault.Live {
					return myvault.Secret{Info: info}, nil
				}
				if err != nil && e == nil && info.Version == v && info.State == myvault.Destroyed {
					return secret, myvault.ErrDestroyed
				}
			}
			return secret, err
		}
	}, []string{"delete/hides-every-version", "destroy/current"}},
	{"the deleted version is readable after a put", func(f *fake) {
		f.get = func(ctx context.Context, a myvault.Address, v myvault.Version) (myvault.Secret, error) {
			secret, err := f.Provider.Get(ctx, a, v)
			if _, live := f.Provider.Get(ctx, a, 0); live == nil && errors.Is(err, myvault.ErrNotFound) && v == 1 {
				return myvault.Secret{Info: myvault.Info{Address: a, Version: v}}, nil
			}
			return secret, err
		}
	}, []string{"delete/mark-stays", "undelete/after-put"}},
	{"names are case-insensitive", renaming(strings.ToLower), []string{"put/case", "list/case", "list/order"}},
	{"names are cut at 100 bytes", renaming(func(s string) string { return s[:min(100, len(s))] }), []string{"name/longest", "name/deepest", "name/last-byte"}},
	{"names lose what is not ASCII", renaming(func(s string) string { return strings.Map(func(r rune) rune { return min(r, 'z') }, s) }), []string{"name/japanese", "name/scripts", "list/japanese"}},
	{"blanks become dashes", renaming(func(s string) string { return strings.ReplaceAll(s, " ", "-") }), []string{"name/blanks", "list/order"}},
	{"colons become slashes", renaming(func(s string) string { return strings.ReplaceAll(s, ":", "/") }), []string{"name/colon"}},
	{"punctuation is quoted", renaming(func(s string) string { return strings.ReplaceAll(s, "'", "''") }), []string{"name/punctuation", "list/literal"}},
	{"leading dots are lost", renaming(func(s string) string { return strings.ReplaceAll(s, "/.", "/") }), []string{"name/dots"}},
	{"values end at a zero byte", storing(func(v string) string { v, _, _ = strings.Cut(v, "\x00"); return v }), []string{"size/one-byte", "size/every-byte", "size/text", "size/largest"}},
	{"values are made valid UTF-8", storing(func(v string) string { return strings.ToValidUTF8(v, "\ufffd") }), []string{"size/every-byte", "size/largest"}},
	{"values are trimmed", storing(strings.TrimSpace), []string{"size/text"}},
	{"values end at 64 KiB", storing(func(v string) string { return v[:min(64<<10, len(v))] }), []string{"size/largest", "size/versions"}},
	{"a prefix crosses segments", func(f *fake) {
		f.list = func(ctx context.Context, r myvault.ListOptions) iter.Seq2[myvault.Info, error] {
			path := r.Prefix.Path
			r.Prefix.Path = ""
			return edited(f.Provider.List(ctx, r), func(all []myvault.Info) []myvault.Info {
				return slices.DeleteFunc(all, func(i myvault.Info) bool { return !strings.HasPrefix(i.Path, path) })
			})
		}
	}, []string{"list/whole-segments", "list/self-and-below", "list/japanese"}},
	{"a prefix leaves out the secret itself", asking(func(r *myvault.ListOptions) {
		if r.Prefix.Path != "" {
			r.Prefix.Path = strings.TrimSuffix(r.Prefix.Path, "/") + "/"
		}
	}), []string{"list/self-and-below", "list/one"}},
	{"a slash at the end of a prefix is lost", asking(func(r *myvault.ListOptions) { r.Prefix.Path = strings.TrimSuffix(r.Prefix.Path, "/") }), []string{"list/below", "list/one"}},
	{"a prefix of a project is ignored", asking(func(r *myvault.ListOptions) { r.Prefix = myvault.Prefix{} }), []string{"list/project", "list/no-match"}},
	{"an underscore is a wildcard", onList(func(f *fake, r myvault.ListOptions, all []myvault.Info) []myvault.Info {
		if !strings.Contains(r.Prefix.Path, "_") {
			return all
		}
		like := r
		like.Prefix.Path = strings.ReplaceAll(r.Prefix.Path, "_", "x")
		for info, err := range f.Provider.List(context.Background(), like) {
			if err == nil {
				all = append(all, info)
			}
		}
		return all
	}), []string{"list/literal"}},
	{"list is sorted by the text of the address", onList(func(_ *fake, _ myvault.ListOptions, all []myvault.Info) []myvault.Info {
		slices.SortFunc(all, func(a, b myvault.Info) int { return strings.Compare(a.Address.String(), b.Address.String()) })
		return all
	}), []string{"list/order"}},
	{"list is out of order", onList(func(_ *fake, _ myvault.ListOptions, all []myvault.Info) []myvault.Info {
		slices.Reverse(all)
		return all
	}), []string{"list/order", "list/many", "after/pages"}},
	{"after is inclusive", onList(func(f *fake, r myvault.ListOptions, all []myvault.Info) []myvault.Info {
		if s, err := f.Provider.Get(context.Background(), r.After, 0); err == nil && r.Prefix.Contains(r.After) {
			all = append([]myvault.Info{s.Info}, all...)
		}
		return all
	}), []string{"after/exclusive", "after/end", "after/prefix", "after/prefix-itself"}},
	{"after must exist", onList(func(f *fake, r myvault.ListOptions, all []myvault.Info) []myvault.Info {
		if _, err := f.Provider.Get(context.Background(), r.After, 0); err != nil && r.After != (myvault.Address{}) {
			return nil
		}
		return all
	}), []string{"after/need-not-exist", "after/deleted", "after/before-prefix"}},
	{"after loses the prefix", asking(func(r *myvault.ListOptions) {
		if r.After != (myvault.Address{}) {
			r.Prefix = myvault.Prefix{}
		}
	}), []string{"after/prefix", "after/between", "after/beyond-prefix"}},
	{"list ends after a page", onList(func(_ *fake, _ myvault.ListOptions, all []myvault.Info) []myvault.Info {
		return all[:min(256, len(all))]
	}), []string{"list/many", "commit/large"}},
	{"list ends after a page of rows, live or not", func(f *fake) {
		f.list = func(ctx context.Context, r myvault.ListOptions) iter.Seq2[myvault.Info, error] {
			n := 0
			for range f.Provider.List(ctx, myvault.ListOptions{Prefix: r.Prefix, After: r.After, Deleted: !r.Deleted}) {
				n++
			}
			return edited(f.Provider.List(ctx, r), func(all []myvault.Info) []myvault.Info {
				return all[:min(max(0, 256-n), len(all))]
			})
		}
	}, []string{"list/sparse"}},
	{"deleted secrets are listed", onList(func(f *fake, r myvault.ListOptions, all []myvault.Info) []myvault.Info {
		r.Deleted = !r.Deleted
		for info, err := range f.Provider.List(context.Background(), r) {
			if err == nil {
				all = append(all, info)
			}
		}
		return all
	}), []string{"list/live", "list/deleted", "list/restored", "destroy/not-listed"}},
	{"list yields every version", onList(func(f *fake, _ myvault.ListOptions, all []myvault.Info) []myvault.Info {
		var every []myvault.Info
		for _, head := range all {
			for info, err := range f.Provider.Versions(context.Background(), head.Address, 0) {
				if err == nil {
					every = append(every, info)
				}
			}
		}
		return every
	}), []string{"list/once", "list/current"}},
	{"list omits the times", onList(func(_ *fake, _ myvault.ListOptions, all []myvault.Info) []myvault.Info {
		for i := range all {
			all[i].Expires, all[i].RotateAfter = time.Time{}, time.Time{}
		}
		return all
	}), []string{"time/expires-rotate"}},
	{"an empty list is an error", func(f *fake) {
		f.list = func(ctx context.Context, r myvault.ListOptions) iter.Seq2[myvault.Info, error] {
			return func(yield func(myvault.Info, error) bool) {
				n := 0
				for info, err := range f.Provider.List(ctx, r) {
					if n++; !yield(info, err) {
						return
					}
				}
				if n == 0 {
					yield(myvault.Info{}, myvault.ErrNotFound)
				}
			}
		}
	}, []string{"list/empty", "list/no-match"}},
	{"versions come oldest first", onVersions(func(all []myvault.Info) []myvault.Info { slices.Reverse(all); return all }), []string{"versions/newest-first", "versions/states", "versions/many"}},
	{"versions always begin at the newest", func(f *fake) {
		f.versions = func(ctx context.Context, a myvault.Address, _ myvault.Version) iter.Seq2[myvault.Info, error] {
			return f.Provider.Versions(ctx, a, 0)
		}
	}, []string{"versions/before", "versions/before-states"}},
	{"versions begin with the version given", func(f *fake) {
		f.versions = func(ctx context.Context, a myvault.Address, before myvault.Version) iter.Seq2[myvault.Info, error] {
			if before != 0 {
				before++
			}
			return f.Provider.Versions(ctx, a, before)
		}
	}, []string{"versions/before"}},
	{"versions that begin lower have wrong states", func(f *fake) {
		f.versions = func(ctx context.Context, a myvault.Address, before myvault.Version) iter.Seq2[myvault.Info, error] {
			return each(f.Provider.Versions(ctx, a, before), func(i *myvault.Info) {
				if before != 0 {
					i.State = myvault.Live
				}
			})
		}
	}, []string{"versions/before-states"}},
	{"a destroyed current version is not found", onDestroyed(func(current, asked myvault.Version, err error) error {
		if asked == current {
			return myvault.ErrNotFound
		}
		return err
	}), []string{"destroy/current", "destroy/all"}},
	{"live versions below a destroyed one are destroyed", onDestroyed(func(current, asked myvault.Version, err error) error {
		if 0 < asked && asked < current {
			return myvault.ErrDestroyed
		}
		return err
	}), []string{"destroy/current"}},
	{"versions end after a page", onVersions(func(all []myvault.Info) []myvault.Info { return all[:min(256, len(all))] }), []string{"versions/many"}},
	{"versions omit destroyed ones", onVersions(func(all []myvault.Info) []myvault.Info {
		return slices.DeleteFunc(all, func(i myvault.Info) bool { return i.State == myvault.Destroyed })
	}), []string{"versions/states", "destroy/all"}},
	{"versions have one author", onVersions(func(all []myvault.Info) []myvault.Info {
		for i := range all {
			all[i].By, all[i].At = all[0].By, all[0].At
		}
		return all
	}), []string{"versions/info"}},
	{"versions include those of secrets below", func(f *fake) {
		f.versions = func(ctx context.Context, a myvault.Address, before myvault.Version) iter.Seq2[myvault.Info, error] {
			return edited(f.Provider.Versions(ctx, a, before), func(all []myvault.Info) []myvault.Info {
				for info, err := range f.Provider.List(ctx, myvault.ListOptions{Prefix: myvault.Prefix{Project: a.Project, Path: a.Path + "/"}}) {
					if err == nil {
						all = append(all, info)
					}
				}
				return all
			})
		}
	}, []string{"versions/other-address"}},
	{"versions of a missing secret are empty", func(f *fake) {
		f.versions = func(ctx context.Context, a myvault.Address, before myvault.Version) iter.Seq2[myvault.Info, error] {
			return func(yield func(myvault.Info, error) bool) {
				for info, err := range f.Provider.Versions(ctx, a, before) {
					if errors.Is(err, myvault.ErrNotFound) || !yield(info, err) {
						return
					}
				}
			}
		}
	}, []string{"versions/never-made"}},
}

// onVersions edits the versions that Versions yields.
func onVersions(edit func([]myvault.Info) []myvault.Info) func(*fake) {
	return func(f *fake) {
		f.versions = func(ctx context.Context, a myvault.Address, before myvault.Version) iter.Seq2[myvault.Info, error] {
			return edited(f.Provider.Versions(ctx, a, before), edit)
		}
	}
}
