package usage_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"path/filepath"
	"testing"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/memory"
	"github.com/myswiftagent/myvault/providers/sqlite"
	"github.com/myswiftagent/myvault/usage"
)

// used returns the last reader of each secret, "" for none, from all pages.
func used(t *testing.T, v *myvault.Vault, index *usage.Index, r usage.Options) (by map[string]string, since time.Time) {
	t.Helper()
	by = make(map[string]string)
	for {
		page, err := index.Page(t.Context(), v.As("root"), r, 2)
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range page.Items {
			by[u.Address.String()] = u.ReadBy
			if (u.ReadBy == "") != u.LastRead.IsZero() {
				t.Errorf("%s: by %q at %v", u.Address, u.ReadBy, u.LastRead)
			}
		}
		if !page.More {
			return by, page.Since
		}
		r.After = page.Next
	}
}

// withoutTrail hides that a provider is a trail.
type withoutTrail struct{ myvault.Provider }

// usageKey opens the stores of these tests.
var usageKey = sqlite.StaticKey(crypto.NewKey())

func storeIn(t *testing.T, dir string) *sqlite.Store {
	t.Helper()
	store, err := sqlite.Open(t.Context(), dir, usageKey, sqlite.Config{})
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// TestUsageOnEveryTrail in every mode that records.
func TestUsageOnEveryTrail(t *testing.T) {
	trails := map[string]func(t *testing.T, c myvault.Config) *myvault.Vault{
		"memory": func(t *testing.T, c myvault.Config) *myvault.Vault { return openVault(t, c) },
		"sqlite": func(t *testing.T, c myvault.Config) *myvault.Vault { return vaultOf(t, storeIn(t, t.TempDir()), c) },
		"beside": func(t *testing.T, c myvault.Config) *myvault.Vault {
			trail, err := sqlite.OpenTrail(t.Context(), t.TempDir(), usageKey, sqlite.TrailConfig{})
			if err != nil {
				t.Fatal(err)
			}
			c.Trail = trail
			return vaultOf(t, withoutTrail{memory.New(memory.Config{})}, c)
		},
	}
	for name, open := range trails {
		for mode, reads := range map[string]myvault.Reads{"strict": myvault.ReadsStrict, "relaxed": myvault.ReadsRelaxed} {
			t.Run(name+" "+mode, func(t *testing.T) {
				is := is.New(t)
				v := open(t, myvault.Config{Reads: reads})
				index := indexOf(t, v)
				fill(t, v, "newsbot/prod/a", "newsbot/prod/b", "newsbot/prod/c", "newsbot/prod/d", "rag/x")
				root, svc := v.As("root"), v.As("svc")
				at := func(path string) myvault.Address { return myvault.Address{Project: "newsbot", Path: path} }
				read := func(s *myvault.Session, path string) {
					_, err := s.Get(t.Context(), at(path))
					is.NoErr(err)
				}
				read(root, "prod/a")
				read(svc, "prod/a") // the later one
				read(svc, "prod/b")
				_, err := svc.Get(t.Context(), at("prod/none"))
				is.True(errors.Is(err, myvault.ErrNotFound))
				_, err = v.As("stranger").Get(t.Context(), at("prod/c")) // denied: no read
				is.True(errors.Is(err, myvault.ErrDenied))
				by, since := used(t, v, index, usage.Options{})
				is.Equal(by, map[string]string{"newsbot/prod/a": "svc", "newsbot/prod/b": "svc", "newsbot/prod/c": "", "newsbot/prod/d": "", "rag/x": ""})
				is.True(!since.IsZero())

				between := time.Now()
				time.Sleep(2 * time.Millisecond) // times are in whole microseconds
				_, err = root.GetPage(t.Context(), myvault.ListOptions{Prefix: myvault.Prefix{Project: "newsbot", Path: "prod/b"}}, 10)
				is.NoErr(err)
				read(svc, "prod/d")
				by, _ = used(t, v, index, usage.Options{Prefix: myvault.Prefix{Project: "newsbot"}, UnusedSince: between})
				is.Equal(by, map[string]string{"newsbot/prod/a": "svc", "newsbot/prod/c": ""})
				by, _ = used(t, v, index, usage.Options{Prefix: myvault.Prefix{Project: "newsbot", Path: "prod/b"}})
				is.Equal(by, map[string]string{"newsbot/prod/b": "root"})
			})
		}
	}
}

// TestUsageWithoutEntries is an error, and not "never".
func TestUsageWithoutEntries(t *testing.T) {
	is := is.New(t)
	off := openVault(t, myvault.Config{Reads: myvault.ReadsOff})
	_, err := indexOf(t, off).Page(t.Context(), off.As("root"), usage.Options{}, 10)
	is.True(errors.Is(err, errors.ErrUnsupported))
	v := vaultOf(t, withoutTrail{memory.New(memory.Config{})}, myvault.Config{Trail: myvault.NoTrail{}})
	index := indexOf(t, v)
	_, err = index.Page(t.Context(), v.As("root"), usage.Options{}, 10)
	is.True(errors.Is(err, errors.ErrUnsupported))
}

// TestUsageOfTwoProcesses: each sees what the other one reads, and one that begins anew sees all.
func TestUsageOfTwoProcesses(t *testing.T) {
	is := is.New(t)
	dir := filepath.Join(t.TempDir(), "store")
	one, two := vaultOf(t, storeIn(t, dir), myvault.Config{}), vaultOf(t, storeIn(t, dir), myvault.Config{})
	indexes := map[*myvault.Vault]*usage.Index{one: indexOf(t, one), two: indexOf(t, two)}
	fill(t, one, "newsbot/prod/db", "rag/x")
	want := map[string]string{"newsbot/prod/db": "", "rag/x": ""}
	for n := range 6 {
		reader, service := []*myvault.Vault{one, two}[n%2], []string{"root", "svc", "svc"}[n%3]
		_, err := reader.As(service).Get(t.Context(), db)
		is.NoErr(err)
		want["newsbot/prod/db"] = service
		for v, index := range indexes {
			by, _ := used(t, v, index, usage.Options{})
			is.Equal(by, want)
		}
	}
	three := vaultOf(t, storeIn(t, dir), myvault.Config{})
	by, _ := used(t, three, indexOf(t, three), usage.Options{})
	is.Equal(by, want)
}

// TestUsageAfterPruning: reads that were pruned are not reported as never.
func TestUsageAfterPruning(t *testing.T) {
	is := is.New(t)
	dir := filepath.Join(t.TempDir(), "store")
	store := storeIn(t, dir)
	v := vaultOf(t, store, myvault.Config{})
	index := indexOf(t, v)
	fill(t, v, "newsbot/prod/db", "rag/x")
	_, err := v.As("root").Get(t.Context(), db)
	is.NoErr(err)
	by, before := used(t, v, index, usage.Options{})
	is.Equal(by["newsbot/prod/db"], "root")
	_, err = store.PruneAccess(t.Context(), sqlite.AccessLimit{Before: time.Now().Add(time.Hour)}, nil)
	is.NoErr(err)
	oldest := time.Time{}
	for e, err := range store.Entries(t.Context(), myvault.TrailFilter{Before: myvault.Cursor{myvault.ChainChanges: 1}}) {
		is.NoErr(err)
		oldest = e.At
	}
	by, since := used(t, v, index, usage.Options{}) // this index has read the entry
	is.Equal(by["newsbot/prod/db"], "root")
	is.Equal(since, before)
	other := vaultOf(t, storeIn(t, dir), myvault.Config{})
	by, since = used(t, other, indexOf(t, other), usage.Options{})
	is.Equal(by, map[string]string{"newsbot/prod/db": "", "rag/x": ""})
	is.Equal(since, oldest) // the other one has not, and says so
	is.True(since.After(before))
}

// TestUsageAcrossALoss: entries that went before anybody asked are not taken for seen.
func TestUsageAcrossALoss(t *testing.T) {
	is := is.New(t)
	dir := filepath.Join(t.TempDir(), "store")
	store := storeIn(t, dir)
	v := vaultOf(t, store, myvault.Config{})
	index := indexOf(t, v)
	fill(t, v, "newsbot/prod/db", "rag/x")
	_, before := used(t, v, index, usage.Options{})
	_, err := v.As("root").Get(t.Context(), db)
	is.NoErr(err)
	_, err = store.PruneAccess(t.Context(), sqlite.AccessLimit{Before: time.Now().Add(time.Hour)}, nil)
	is.NoErr(err)
	by, since := used(t, v, index, usage.Options{})
	is.Equal(by, map[string]string{"newsbot/prod/db": "", "rag/x": ""})
	is.True(since.After(before)) // never is not said of the time before
}

// counting counts the entries that a trail is made to give.
type counting struct {
	*memory.Provider
	gave *int
}

func (c counting) Entries(ctx context.Context, r myvault.TrailFilter) iter.Seq2[myvault.Entry, error] {
	return func(yield func(myvault.Entry, error) bool) {
		for e, err := range c.Provider.Entries(ctx, r) {
			*c.gave++
			if !yield(e, err) {
				return
			}
		}
	}
}

// TestUsageCostsABoundedAmount for each call, and is exact in the end.
func TestUsageCostsABoundedAmount(t *testing.T) {
	is := is.New(t)
	gave, total := 0, 0
	provider := counting{memory.New(memory.Config{MaxEntries: 1_000_000}), &gave}
	v := vaultOf(t, provider, myvault.Config{})
	index := indexOf(t, v)
	fill(t, v, "newsbot/prod/db", "rag/x")
	start := time.Now().UTC().Truncate(time.Microsecond)
	record := func(n int, addr myvault.Address, by string) {
		entries := make([]myvault.Entry, n)
		for i := range entries {
			start = start.Add(time.Microsecond)
			entries[i] = myvault.Entry{At: start, First: start, Last: start, Count: 1, Service: by, Action: "read", Address: addr, Outcome: myvault.OutcomeOK}
		}
		is.NoErr(provider.Record(t.Context(), entries...))
	}
	other := myvault.Address{Project: "newsbot", Path: "prod/gone"}
	ask := func() (empty int, by map[string]string) {
		for after := (myvault.Address{Project: "a", Path: "a"}); ; empty++ {
			gave = 0
			page, err := index.Page(t.Context(), v.As("root"), usage.Options{After: after}, 10)
			is.NoErr(err)
			is.True(gave <= 10_002)
			total += gave
			if !page.More {
				by = make(map[string]string)
				for _, u := range page.Items {
					by[u.Address.String()] = u.ReadBy
				}
				return empty, by
			}
			is.Equal(len(page.Items), 0)
			is.True(page.Since.IsZero())
			is.Equal(page.Next, after) // where it was
			after = page.Next
		}
	}
	record(1, db, "first")
	record(25_000, other, "svc")
	empty, by := ask()
	is.Equal(empty, 2)
	is.Equal(by, map[string]string{"newsbot/prod/db": "first", "rag/x": ""})
	record(1, db, "second")
	record(25_000, other, "svc")
	gave = 0
	_, err := index.Page(t.Context(), v.As("root"), usage.Options{}, 10)
	is.NoErr(err)
	total += gave
	record(1, myvault.Address{Project: "rag", Path: "x"}, "third") // while the gap is open
	record(12_000, other, "svc")
	_, by = ask()
	is.Equal(by, map[string]string{"newsbot/prod/db": "second", "rag/x": "third"})
	for range 2 { // after nothing new too
		empty, _ = ask()
		is.Equal(empty, 0)
		is.True(gave < 10)
	}
	is.True(total < 62_003+50) // nothing is looked at twice
}

// TestUsageForgetsTheOldestReads where too many secrets were read, and says so.
func TestUsageForgetsTheOldestReads(t *testing.T) {
	is := is.New(t)
	v := openVault(t, myvault.Config{})
	index := indexOf(t, v)
	index.Limit(10)
	for i := range 16 {
		fill(t, v, fmt.Sprintf("p/%02d", i))
	}
	for i := range 16 {
		_, err := v.As("root").Get(t.Context(), myvault.Address{Project: "p", Path: fmt.Sprintf("%02d", i)})
		is.NoErr(err)
		time.Sleep(time.Millisecond)
	}
	page, err := index.Page(t.Context(), v.As("root"), usage.Options{}, 100)
	is.NoErr(err)
	forgotten := make(map[myvault.Address]bool)
	known := 0
	for i, u := range page.Items {
		forgotten[u.Address] = u.LastRead.IsZero()
		if !u.LastRead.IsZero() {
			known++
			is.True(i >= 6)                         // of the newest
			is.True(!u.LastRead.Before(page.Since)) // older reads are not reported
		}
	}
	is.True(known > 0 && known <= 10)
	for e, err := range v.As("root").Trail(t.Context(), myvault.TrailFilter{}) {
		is.NoErr(err)
		if e.Action == "read" && forgotten[e.Address] {
			is.True(e.Last.Before(page.Since)) // reads from Since on are known
		}
	}
	last, err := index.Page(t.Context(), v.As("root"), usage.Options{UnusedSince: page.Since}, 100)
	is.NoErr(err)
	is.Equal(len(last.Items), 16-known)
}
