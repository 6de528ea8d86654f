package transfer_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/matryer/is"
	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/memory"
	"github.com/myswiftagent/myvault/transfer"
)

// copyEqual copies and checks that the digests and the dumps of both sides are equal.
func copyEqual(t *testing.T, dst, src myvault.Provider, o transfer.Options) transfer.Report {
	t.Helper()
	is := is.New(t)
	r, err := transfer.Copy(t.Context(), dst, src, o)
	is.NoErr(err)
	is.True(r.Equal())
	is.Equal(len(r.Source), 64)
	is.Equal(dump(t, dst), dump(t, src))
	return r
}

// TestCopyCarriesEverything copies random histories between kinds of providers, there and back.
func TestCopyCarriesEverything(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			is := is.New(t)
			first, local, last := memory.New(memory.Config{}), newSQLite(t), memory.New(memory.Config{})
			newHistory(t, first, seed).changes(400)
			there := copyEqual(t, local, first, options)
			back := copyEqual(t, last, local, options)
			is.Equal(there.Source, back.Source) // one key, one digest
			is.Equal(there.Versions, back.Written)
			is.Equal(there.Uncompared+back.Uncompared, 0)
			want := undeleted(t, first)
			is.Equal(undeleted(t, local), want) // the values of deleted versions too
			is.Equal(undeleted(t, last), want)
			_, err := local.Verify(t.Context())
			is.NoErr(err)
		})
	}
}

// TestCopySaysWhoDidIt checks that entries name the operator and versions name their authors.
func TestCopySaysWhoDidIt(t *testing.T) {
	is := is.New(t)
	src, dst := memory.New(memory.Config{}), newSQLite(t)
	h := newHistory(t, src, 1)
	h.apply("jobqueue", epoch, myvault.Change{Op: myvault.OpPut, Address: db, Value: myvault.Text("v")})
	before := time.Now().Add(-time.Second)
	copyEqual(t, dst, src, options)
	secret, err := dst.Get(t.Context(), db, 0)
	is.NoErr(err)
	is.Equal(secret.By, "jobqueue")
	is.Equal(secret.At, epoch)
	n := 0
	for e, err := range dst.Entries(t.Context(), myvault.TrailFilter{}) {
		is.NoErr(err)
		is.Equal(e.Service, "operator")
		is.Equal(e.Via, "copy")
		is.True(e.At.After(before))
		n++
	}
	is.Equal(n, 2) // the project and the secret
	var outcomes []string
	for e, err := range src.Entries(t.Context(), myvault.TrailFilter{Action: "copy"}) {
		is.NoErr(err)
		outcomes = append(outcomes, e.Service+" "+string(e.Outcome))
	}
	is.Equal(outcomes, []string{"operator ok", "operator begun"}) // the source knows that it was read
}

// TestCopyToOneChangeAtATime copies to a store without a trail or an archive, and back.
func TestCopyToOneChangeAtATime(t *testing.T) {
	is := is.New(t)
	src, far, back := memory.New(memory.Config{}), memory.New(memory.Config{}), newSQLite(t)
	newHistory(t, src, 3).changes(400)
	o := options
	trail := &countingTrail{}
	o.Trail = trail
	r := copyEqual(t, oneByOne{far}, src, o)
	is.True(r.Uncompared > 0)
	is.Equal(undeleted(t, src), undeleted(t, far)) // their values came along all the same
	is.True(trail.entries.Load() >= int64(2*r.Written))
	newHistory(t, far, 4).changes(100)

	r, err := transfer.Copy(t.Context(), back, oneByOne{far}, options)
	is.True(errors.Is(err, errors.ErrUnsupported))
	is.True(strings.Contains(err.Error(), fmt.Sprint(len(r.Unreadable))))
	is.Equal(len(dump(t, back)), 0) // refused before anything was written
	o = options
	o.DestroyUnreadable = true
	r, err = transfer.Copy(t.Context(), back, oneByOne{far}, o)
	is.NoErr(err)
	is.True(r.Equal())
	lost := make(map[string]bool)
	for _, p := range r.Unreadable {
		lost[fmt.Sprint(p.Address, " version ", p.Version, " ")] = true
	}
	is.True(len(lost) > 3)
	theirs := dump(t, far)
	ours := dump(t, back)
	is.Equal(len(ours), len(theirs))
	for i, line := range theirs {
		if name, _, _ := strings.Cut(line, "live"); lost[name] {
			continue // a version of a deleted secret
		}
		if name, _, _ := strings.Cut(line, "deleted"); lost[name] {
			is.True(strings.Contains(ours[i], name+"destroyed"))
			continue
		}
		if strings.Contains(line, " destroyed by ") { // its read depends on the current version, which may be lost
			line, _, _ = strings.Cut(line, `: ""`)
			ours[i], _, _ = strings.Cut(ours[i], `: ""`)
		}
		is.Equal(ours[i], line)
	}
	r, err = transfer.Copy(t.Context(), back, oneByOne{far}, o)
	is.NoErr(err)
	is.Equal(r.Written, 0) // nothing is left to do
}

func TestCopyDryRun(t *testing.T) {
	is := is.New(t)
	src, dst := memory.New(memory.Config{}), newSQLite(t)
	newHistory(t, src, 8).changes(200)
	o := options
	o.DryRun = true
	r, err := transfer.Copy(t.Context(), dst, src, o)
	is.NoErr(err)
	is.Equal(len(dump(t, dst)), 0)
	is.Equal(r.Written, r.Versions)
	is.True(!r.Equal()) // nothing is claimed
	is.Equal(copyEqual(t, dst, src, options).Written, r.Written)
	r, err = transfer.Copy(t.Context(), dst, src, o)
	is.NoErr(err)
	is.Equal(r.Written, 0)
}

// TestACopyIsRecorded checks that both trails record a run, and neither a dry run.
func TestACopyIsRecorded(t *testing.T) {
	for _, dry := range []bool{true, false} {
		is := is.New(t)
		src, o := newSQLite(t), options
		newHistory(t, src, 3).changes(20)
		before, err := src.Heads(t.Context())
		is.NoErr(err)
		o.DryRun = dry
		_, err = transfer.Copy(t.Context(), memory.New(memory.Config{}), src, o)
		is.NoErr(err)
		after, err := src.Heads(t.Context())
		is.NoErr(err)
		is.Equal(after[0], before[0])
		is.Equal(after[1].Seq == before[1].Seq, dry)
	}
}

// TestCopyProgress checks that each phase counts up to the totals and names nothing.
func TestCopyProgress(t *testing.T) {
	is := is.New(t)
	src, dst := memory.New(memory.Config{}), memory.New(memory.Config{})
	newHistory(t, src, 9).changes(200)
	ended := make(map[transfer.Phase]transfer.Progress)
	o := options
	o.Progress = func(p transfer.Progress) {
		if p.Ended {
			ended[p.Phase] = p
		}
	}
	r := copyEqual(t, dst, src, o)
	is.Equal(slices.Sorted(maps.Keys(ended)), []transfer.Phase{transfer.Copying, transfer.Surveying, transfer.Verifying})
	for _, p := range ended {
		is.Equal(p.Done, r.Addresses)
		is.Equal(p.Versions, r.Versions)
		is.Equal(p.Addresses, r.Addresses)
		is.Equal(p.AllVersions, r.Versions)
		is.True(p.Rate() > 0)
	}
}

// TestCopyFindsABadTarget checks that a target that loses or changes something is not equal.
func TestCopyFindsABadTarget(t *testing.T) {
	for name, spoil := range map[string]func(*myvault.Commit){
		"another value":  func(c *myvault.Commit) { c.Changes[0].Value = myvault.Text("other") },
		"another author": func(c *myvault.Commit) { c.By = "other" },
		"another time":   func(c *myvault.Commit) { c.At = c.At.Add(time.Microsecond) },
		"another expiry": func(c *myvault.Commit) { c.Changes[0].Expires = epoch },
	} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			src, dst := memory.New(memory.Config{}), memory.New(memory.Config{})
			newHistory(t, src, 10).apply("x", epoch, myvault.Change{Op: myvault.OpPut, Address: db, Value: myvault.Text("v")})
			r, err := transfer.Copy(t.Context(), spoiling{dst, spoil}, src, options)
			is.True(errors.Is(err, myvault.ErrConflict))
			is.True(!r.Equal() && !r.SourceChanged)
			is.Equal(len(r.Different), 1)
			is.Equal(r.Different[0].Address, db)
		})
	}
}

type spoiling struct {
	*memory.Provider
	spoil func(*myvault.Commit)
}

func (p spoiling) Apply(ctx context.Context, c myvault.Commit) ([]myvault.Info, error) {
	if c.Changes[0].Op == myvault.OpPut {
		p.spoil(&c)
	}
	return p.Provider.Apply(ctx, c)
}

// TestCopyOfLargeHistories checks that the values of one history are read in windows.
func TestCopyOfLargeHistories(t *testing.T) {
	is := is.New(t)
	src, dst := newSQLite(t), newSQLite(t)
	for n := range 9 {
		_, err := src.Apply(t.Context(), myvault.Commit{By: "x", At: epoch.Add(time.Duration(n) * time.Second), Changes: []myvault.Change{
			{Op: myvault.OpPut, Address: db, Value: myvault.Text(strings.Repeat(fmt.Sprint(n), 400<<10))},
		}})
		is.NoErr(err)
	}
	is.Equal(copyEqual(t, dst, src, options).Written, 9)
}

func TestCopyIsCancelled(t *testing.T) {
	is := is.New(t)
	ctx, cancel := context.WithCancel(t.Context())
	src, dst := memory.New(memory.Config{}), memory.New(memory.Config{})
	newHistory(t, src, 11).changes(200)
	o := options
	o.Progress = func(transfer.Progress) { cancel() }
	_, err := transfer.Copy(ctx, dst, src, o)
	is.True(errors.Is(err, context.Canceled))
	o.Progress = nil
	copyEqual(t, dst, src, o)
}

// Copy moves everything from one provider to another. The second run finds nothing to write.
func ExampleCopy() {
	ctx := context.Background()
	src, dst := memory.New(memory.Config{}), memory.New(memory.Config{})
	addr := myvault.Address{Project: "newsbot", Path: "prod/db/password"}
	for _, value := range []string{"first", "second"} {
		_, err := src.Apply(ctx, myvault.Commit{By: "jobqueue", At: epoch, Changes: []myvault.Change{
			{Op: myvault.OpPut, Address: addr, Value: myvault.Text(value)},
		}})
		if err != nil {
			log.Fatal(err)
		}
	}
	for range 2 {
		report, err := transfer.Copy(ctx, dst, src, transfer.Options{By: "operator"})
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(report.Versions, "versions,", report.Written, "written, equal:", report.Equal())
	}
	secret, err := dst.Get(ctx, addr, 1)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(secret.Value.Reveal(), "by", secret.By)
	// Output:
	// 2 versions, 2 written, equal: true
	// 2 versions, 0 written, equal: true
	// first by jobqueue
}

// countingTrail is a trail that counts its entries.
type countingTrail struct{ entries atomic.Int64 }

func (c *countingTrail) Record(_ context.Context, entries ...myvault.Entry) error {
	c.entries.Add(int64(len(entries)))
	return nil
}

func (c *countingTrail) Entries(context.Context, myvault.TrailFilter) iter.Seq2[myvault.Entry, error] {
	return func(func(myvault.Entry, error) bool) {}
}
