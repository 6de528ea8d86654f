package myvault_test

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/matryer/is"
	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/memory"
)

func TestTimesOfAVersion(t *testing.T) {
	is := is.New(t)
	ctx := t.Context()
	s := openVault(t, myvault.Config{}).As("root")
	zone := time.FixedZone("east", 9*3600)
	expires := time.Now().Add(48 * time.Hour).In(zone)
	rotate := time.Now().Add(24 * time.Hour).In(zone)
	stored := func(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

	info, err := s.PutVersion(ctx, db, myvault.NewVersion{Value: myvault.Text("one"), Expires: expires, RotateAfter: rotate}, myvault.IfAbsent())
	is.NoErr(err)
	is.Equal(info.Expires, stored(expires))
	is.Equal(info.RotateAfter, stored(rotate))
	_, err = s.PutVersion(ctx, db, myvault.NewVersion{Value: myvault.Text("x")}, myvault.IfAbsent())
	is.True(errors.Is(err, myvault.ErrExists)) // conditions are heeded
	info, err = s.Put(ctx, db, myvault.Text("two"))
	is.NoErr(err)
	is.True(info.Expires.IsZero() && info.RotateAfter.IsZero()) // the next version has its own times, or none
	old, err := s.GetVersion(ctx, db, 1)
	is.NoErr(err)
	is.Equal(old.Expires, stored(expires)) // the old one keeps them
}

func TestWhenAVersionExpires(t *testing.T) {
	is := is.New(t)
	at := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	never, ending := myvault.Info{}, myvault.Info{Expires: at}
	is.True(!never.Expired(at))
	is.True(!ending.Expired(at.Add(-1)))
	is.True(ending.Expired(at))
}

// badDrafts are refused before the policy is asked.
func badDrafts() map[string]myvault.NewVersion {
	v, soon := myvault.Text("v"), time.Now().Add(time.Hour)
	made := func(context.Context) (myvault.Value, error) { return v, nil }
	return map[string]myvault.NewVersion{
		"nothing":                   {},
		"value and generator":       {Value: v, Generate: made},
		"expiry in the past":        {Value: v, Expires: time.Now().Add(-time.Minute)},
		"generated, expired":        {Generate: made, Expires: time.Now().Add(-time.Minute)},
		"rotation after the expiry": {Value: v, Expires: soon, RotateAfter: soon.Add(time.Second)},
		"year 10000":                {Value: v, Expires: time.Date(9999, 12, 31, 23, 0, 0, 0, time.FixedZone("west", -2*3600))},
		"before year 0":             {Value: v, RotateAfter: time.Date(-1, 1, 1, 0, 0, 0, 0, time.UTC)},
	}
}

func TestDraftsThatAreRefused(t *testing.T) {
	for name, draft := range badDrafts() {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			v := openVault(t, myvault.Config{})
			is.True(errors.Is(draft.Validate(), myvault.ErrInvalid))
			_, err := v.As("root").PutVersion(t.Context(), db, draft)
			is.True(errors.Is(err, myvault.ErrInvalid))
			is.Equal(len(state(t, v)), 0)
		})
	}
	t.Run("that could be meant", func(t *testing.T) {
		is := is.New(t)
		soon := time.Now().Add(time.Hour)
		for _, draft := range []myvault.NewVersion{
			{Value: myvault.Text("v"), Expires: soon, RotateAfter: soon},
			{Value: myvault.Text("v"), RotateAfter: time.Now().Add(-time.Hour)}, // due at once
			{Value: myvault.Text("v"), Expires: time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)},
		} {
			is.NoErr(draft.Validate())
		}
	})
}

// TestAGeneratedValue: it is stored, not answered, and the entry says what it was.
func TestAGeneratedValue(t *testing.T) {
	is := is.New(t)
	ctx := t.Context()
	v := openVault(t, myvault.Config{})
	s := v.As("root")
	made := 0
	generator := func(context.Context) (myvault.Value, error) { made++; return myvault.Text(canary), nil }
	_, err := s.PutVersion(ctx, db, myvault.NewVersion{Generate: generator})
	is.NoErr(err)
	other := myvault.Address{Project: "newsbot", Path: "prod/other"}
	_, err = s.Apply(ctx, myvault.Change{Op: myvault.OpPut, Address: other, Generate: generator}, myvault.Change{Op: myvault.OpPut, Address: other, Value: myvault.Text("w")})
	is.NoErr(err)
	is.Equal(made, 2) // once for each change
	secret, err := s.Get(ctx, db)
	is.NoErr(err)
	is.Equal(secret.Value.Reveal(), canary)
	var actions []string
	for e, err := range s.Trail(ctx, myvault.TrailFilter{}) {
		is.NoErr(err)
		if e.Chain == myvault.ChainChanges {
			actions = append(actions, e.Action)
		}
	}
	is.Equal(actions, []string{"write", "generate", "generate"})
}

// TestTheDeniedGenerateNothing: a generator may be dear, or have effects.
func TestTheDeniedGenerateNothing(t *testing.T) {
	is := is.New(t)
	v := openVault(t, myvault.Config{})
	generator := func(context.Context) (myvault.Value, error) { t.Error("it was called"); return myvault.Text("v"), nil }
	far := myvault.Address{Project: "billing", Path: "x"}
	_, err := v.As("svc").PutVersion(t.Context(), far, myvault.NewVersion{Generate: generator})
	is.True(errors.Is(err, myvault.ErrDenied))
	_, err = v.As("svc").Apply(t.Context(), myvault.Change{Op: myvault.OpPut, Address: db, Generate: generator}, myvault.Change{Op: myvault.OpPut, Address: far, Value: myvault.Text("v")})
	is.True(errors.Is(err, myvault.ErrDenied)) // not even for the change that is allowed
}

func TestAFailingGenerator(t *testing.T) {
	ended, stop := context.WithCancel(t.Context())
	stop()
	for name, generator := range map[string]myvault.Generator{
		"error": func(context.Context) (myvault.Value, error) { return myvault.Text(canary), errors.New("no entropy") },
		"empty": func(context.Context) (myvault.Value, error) { return myvault.Value{}, nil },
		"too large": func(context.Context) (myvault.Value, error) {
			return myvault.Text(strings.Repeat("x", myvault.MaxValue+1)), nil
		},
		"cancelled": func(context.Context) (myvault.Value, error) { return myvault.Value{}, ended.Err() },
		"denied":    func(context.Context) (myvault.Value, error) { return myvault.Value{}, myvault.ErrDenied },
		"unknown":   func(context.Context) (myvault.Value, error) { return myvault.Value{}, myvault.ErrUnknownOutcome },
	} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			v := openVault(t, myvault.Config{})
			_, err := v.As("root").Apply(t.Context(), myvault.Change{Op: myvault.OpPut, Address: db, Value: myvault.Text("v")}, myvault.Change{Op: myvault.OpPut, Address: db, Generate: generator})
			is.True(errors.Is(err, myvault.ErrGenerator))
			is.True(!strings.Contains(err.Error(), canary))
			is.Equal(len(state(t, v)), 0) // none of the changes is made
			for e, err := range v.As("root").Trail(t.Context(), myvault.TrailFilter{Action: "generate"}) {
				is.NoErr(err)
				is.Equal(e.Outcome, myvault.OutcomeError) // for any error of the generator
			}
			is.Equal(metric(t, v, "denied_total"), 0.0)
		})
	}
}

// unasked fails a test in which the times of a range reach the provider.
type unasked struct {
	*memory.Provider
	t *testing.T
}

func (p unasked) List(ctx context.Context, r myvault.ListOptions) iter.Seq2[myvault.Info, error] {
	if !r.ExpiresBefore.IsZero() || !r.RotateBefore.IsZero() {
		p.t.Error("a provider was asked for times")
	}
	return p.Provider.List(ctx, r)
}

func (p unasked) Snapshot(_ context.Context, f func(myvault.Reader) error) error { return f(p) }

func (p unasked) Apply(ctx context.Context, c myvault.Commit) ([]myvault.Info, error) {
	for _, change := range c.Changes {
		if change.Generate != nil {
			p.t.Error("a generator reached the provider")
		}
	}
	return p.Provider.Apply(ctx, c)
}

// TestListsByTime: as it were for each filter, the listing, its pages and the page of values
// give the same, within the policy.
func TestListsByTime(t *testing.T) {
	v := vaultOf(t, unasked{memory.New(memory.Config{}), t}, myvault.Config{})
	day := func(n int) time.Time { return time.Now().Add(time.Duration(n) * 24 * time.Hour) }
	put := func(path string, d myvault.NewVersion) {
		d.Generate = func(context.Context) (myvault.Value, error) { return myvault.Text("v"), nil }
		if _, err := v.As("root").PutVersion(t.Context(), myvault.Address{Project: "newsbot", Path: path}, d); err != nil {
			t.Fatal(err)
		}
	}
	put("dev/a", myvault.NewVersion{Expires: day(1), RotateAfter: day(-1)})
	put("prod/a", myvault.NewVersion{Expires: day(1)})
	put("prod/b", myvault.NewVersion{})
	put("prod/c", myvault.NewVersion{Expires: day(9), RotateAfter: day(2)})
	put("prod/d", myvault.NewVersion{RotateAfter: day(-1)})
	for name, c := range map[string]struct {
		service string
		r       myvault.ListOptions
		want    []string
	}{
		"all":                   {"svc", myvault.ListOptions{}, []string{"prod/a", "prod/b", "prod/c", "prod/d"}},
		"soon expiring":         {"svc", myvault.ListOptions{ExpiresBefore: day(2)}, []string{"prod/a"}},
		"expiring":              {"svc", myvault.ListOptions{ExpiresBefore: day(99)}, []string{"prod/a", "prod/c"}},
		"due":                   {"svc", myvault.ListOptions{RotateBefore: day(0)}, []string{"prod/d"}},
		"due, for who sees all": {"root", myvault.ListOptions{RotateBefore: day(0)}, []string{"dev/a", "prod/d"}},
		"both":                  {"svc", myvault.ListOptions{ExpiresBefore: day(99), RotateBefore: day(99)}, []string{"prod/c"}},
		"none":                  {"svc", myvault.ListOptions{ExpiresBefore: day(0)}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			s := v.As(c.service)
			var listed, paged, read []string
			for info, err := range s.List(t.Context(), c.r) {
				is.NoErr(err)
				listed = append(listed, info.Path)
			}
			for r, more := c.r, true; more; {
				page, err := s.ListPage(t.Context(), r, 1)
				is.NoErr(err)
				values, err := s.GetPage(t.Context(), r, 1)
				is.NoErr(err)
				for i, info := range page.Items {
					paged, read = append(paged, info.Path), append(read, values.Items[i].Path)
				}
				r.After, more = page.Next, page.More
			}
			is.Equal(listed, c.want)
			is.True(slices.Equal(paged, c.want) && slices.Equal(read, c.want))
		})
	}
}
