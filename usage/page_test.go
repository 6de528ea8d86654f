package usage_test

import (
	"context"
	"errors"
	"iter"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/memory"
	"github.com/myswiftagent/myvault/usage"
)

// trailOf is a provider whose trail goes through with.
type trailOf struct {
	*memory.Provider
	with func(ctx context.Context, all iter.Seq2[myvault.Entry, error]) iter.Seq2[myvault.Entry, error]
}

func (p trailOf) Entries(ctx context.Context, r myvault.TrailFilter) iter.Seq2[myvault.Entry, error] {
	return p.with(ctx, p.Provider.Entries(ctx, r))
}

// readEntry is that of a read of db at a time.
func readEntry(at time.Time, by string, addr myvault.Address) myvault.Entry {
	return myvault.Entry{At: at, First: at, Last: at, Count: 1, Service: by, Action: "read", Address: addr, Outcome: myvault.OutcomeOK}
}

// TestUsageShowsWhatMayBeAudited, and to who may audit nothing not even since when reads are known.
func TestUsageShowsWhatMayBeAudited(t *testing.T) {
	is := is.New(t)
	v := openVault(t, myvault.Config{})
	index := indexOf(t, v)
	fill(t, v, "newsbot/prod/db", "newsbot/prod/x", "rag/x")
	root := v.As("root")
	for rule, want := range map[string][]string{
		"newsbot/@audit":          {"newsbot/prod/db", "newsbot/prod/x"},
		"*/prod/db@audit */@read": {"newsbot/prod/db"},
		"*/@read+list":            nil,
	} {
		page, err := index.Page(t.Context(), root.Restrict(rules(t, strings.Fields(rule)...)...), usage.Options{}, 10)
		is.NoErr(err)
		var got []string
		for _, u := range page.Items {
			got = append(got, u.Address.String())
		}
		is.Equal(got, want)
		is.Equal(page.Since.IsZero(), want == nil)
	}
	for _, limit := range []int{-1, 0, 1001} {
		_, err := index.Page(t.Context(), root, usage.Options{}, limit)
		is.True(errors.Is(err, myvault.ErrInvalid))
	}
}

// TestUsageIsExact: of the last time of an entry for many reads, of the later one of two at one time, of names that are
// the same when they are put together, and of the very time that is asked for.
func TestUsageIsExact(t *testing.T) {
	is := is.New(t)
	provider := memory.New(memory.Config{})
	v := vaultOf(t, provider, myvault.Config{})
	index := indexOf(t, v)
	fill(t, v, "ab/c", "a/bc", "newsbot/prod/db")
	at := time.Now().UTC().Truncate(time.Microsecond)
	many := readEntry(at, "svc", myvault.Address{Project: "ab", Path: "c"})
	many.Last, many.Count = at.Add(time.Minute), 9
	is.NoErr(provider.Record(t.Context(), many, readEntry(at, "svc", db), readEntry(at, "root", db)))
	page, err := index.Page(t.Context(), v.As("root"), usage.Options{}, 10)
	is.NoErr(err)
	got := make(map[string]usage.Secret)
	for _, u := range page.Items {
		got[u.Address.String()] = u
	}
	is.Equal(len(got), 3)
	is.Equal(got["ab/c"].LastRead, at.Add(time.Minute))
	is.True(got["a/bc"].LastRead.IsZero())
	is.Equal(got["newsbot/prod/db"].ReadBy, "root")
	by, _ := used(t, v, index, usage.Options{UnusedSince: at})
	is.Equal(by, map[string]string{"a/bc": ""}) // read at this time is not unused since
	by, _ = used(t, v, index, usage.Options{UnusedSince: at.Add(time.Microsecond)})
	is.Equal(by, map[string]string{"a/bc": "", "newsbot/prod/db": "root"})
}

// TestUsageAfterAnError of the trail, wherever it comes: the question fails, and the next one is right.
func TestUsageAfterAnError(t *testing.T) {
	for _, before := range []int{0, 1, 2} { // entries
		is := is.New(t)
		left := -1 // until the error; negative: there is none
		broken := errors.New("the disk is gone")
		provider := trailOf{memory.New(memory.Config{}), func(_ context.Context, all iter.Seq2[myvault.Entry, error]) iter.Seq2[myvault.Entry, error] {
			return func(yield func(myvault.Entry, error) bool) {
				for e, err := range all {
					if left == 0 {
						yield(myvault.Entry{}, broken)
						return
					}
					left--
					if !yield(e, err) {
						return
					}
				}
			}
		}}
		v := vaultOf(t, provider, myvault.Config{})
		index := indexOf(t, v)
		fill(t, v, "newsbot/prod/db", "rag/x")
		at := time.Now().UTC().Truncate(time.Microsecond)
		rag := myvault.Address{Project: "rag", Path: "x"}
		for _, round := range []string{"from nothing", "over a gap"} {
			is.NoErr(provider.Record(t.Context(), readEntry(at, round, db), readEntry(at, round, rag), readEntry(at, "svc", rag)))
			at = at.Add(time.Second)
			left = before
			page, err := index.Page(t.Context(), v.As("root"), usage.Options{}, 10)
			is.True(errors.Is(err, broken))
			is.True(!page.More && len(page.Items) == 0)
			left = -1
			by, since := used(t, v, index, usage.Options{})
			is.Equal(by, map[string]string{"newsbot/prod/db": round, "rag/x": "svc"})
			is.True(!since.IsZero())
		}
	}
}

// TestWhoWaitsForUsageMayLeave while another question is under way.
func TestWhoWaitsForUsageMayLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		is := is.New(t)
		release := make(chan struct{})
		provider := trailOf{memory.New(memory.Config{}), func(_ context.Context, all iter.Seq2[myvault.Entry, error]) iter.Seq2[myvault.Entry, error] {
			<-release
			return all
		}}
		v := vaultOf(t, provider, myvault.Config{})
		index := indexOf(t, v)
		ask := func(ctx context.Context) chan error {
			ended := make(chan error, 1)
			go func() {
				_, err := index.Page(ctx, v.As("root"), usage.Options{}, 10)
				ended <- err
			}()
			synctest.Wait()
			return ended
		}
		first := ask(t.Context())
		ctx, leave := context.WithCancel(t.Context())
		second := ask(ctx)
		leave()
		synctest.Wait()
		left := len(second)
		close(release)
		is.NoErr(<-first)
		is.True(errors.Is(<-second, context.Canceled))
		is.Equal(left, 1) // before the first one ended
	})
}
