package myvault_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/memory"
	"github.com/myswiftagent/myvault/providers/sqlite"
)

var copyBegin = time.Date(2026, 11, 23, 15, 0, 0, 0, time.UTC)

// history makes random changes to a provider, each at another time.
type history struct {
	t        *testing.T
	p        myvault.Provider
	random   *rand.Rand
	commits  int
	projects []string
	paths    []string
}

func newHistory(t *testing.T, p myvault.Provider, seed uint64) *history {
	return &history{
		t: t, p: p, random: rand.New(rand.NewPCG(seed, 1)),
		projects: []string{"newsbot", "newsbot-2", "ニュース・ボット", ".vault", "rag", "empty"},
		paths:    []string{"prod", "prod/db", "prod/db/password", "prod-x", "本番/鍵", "dev/a b"},
	}
}

func pick[T any](h *history, of ...T) T { return of[h.random.IntN(len(of))] }

// change makes one random change, which may be refused.
func (h *history) change() {
	h.t.Helper()
	h.commits++
	addr := myvault.Address{Project: pick(h, h.projects[:5]...), Path: pick(h, h.paths...)}
	project := myvault.Project{Name: pick(h, h.projects...), Description: pick(h, "", "説明", "a description")}
	version := myvault.Version(1 + h.random.IntN(4))
	at := copyBegin.Add(time.Duration(h.commits) * 12345 * time.Microsecond)
	value := myvault.Bytes(fmt.Appendf(nil, "value %d \x00\xff", h.commits))
	c := pick(h,
		myvault.Change{Op: myvault.OpPut, Address: addr, Value: value},
		myvault.Change{Op: myvault.OpPut, Address: addr, Value: value},
		myvault.Change{Op: myvault.OpPut, Address: addr, Value: value, Expires: at.Add(time.Hour), RotateAfter: at.Add(time.Minute)},
		myvault.Change{Op: myvault.OpDelete, Address: addr},
		myvault.Change{Op: myvault.OpDelete, Address: addr},
		myvault.Change{Op: myvault.OpUndelete, Address: addr},
		myvault.Change{Op: myvault.OpDestroy, Address: addr, Versions: []myvault.Version{version}},
		myvault.Change{Op: myvault.OpPutProject, Project: project},
		myvault.Change{Op: myvault.OpDefaultProject, Project: project},
		myvault.Change{Op: myvault.OpDeleteProject, Project: project},
	)
	h.apply(pick(h, "jobqueue", "commonUI"), at, c)
}

// apply makes a change; that it is not possible now is no failure.
func (h *history) apply(by string, at time.Time, c myvault.Change) {
	h.t.Helper()
	_, err := h.p.Apply(h.t.Context(), myvault.Commit{By: by, At: at, Changes: []myvault.Change{c}})
	for _, refused := range []error{myvault.ErrNotFound, myvault.ErrConflict, myvault.ErrDestroyed, myvault.ErrNotEmpty, myvault.ErrInvalid} {
		if errors.Is(err, refused) {
			return
		}
	}
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *history) changes(n int) {
	h.t.Helper()
	for range n {
		h.change()
	}
}

// dump is all that a provider tells of what it holds, by the methods that Copy compares nothing
// with: a line for each version and each project.
func dump(t *testing.T, p myvault.Provider) []string {
	t.Helper()
	var lines []string
	for _, deleted := range []bool{false, true} {
		for info, err := range p.List(t.Context(), myvault.Range{Deleted: deleted}) {
			if err != nil {
				t.Fatal(err)
			}
			lines = append(lines, dumpSecret(t, p, info.Address)...)
		}
	}
	slices.Sort(lines)
	for project, err := range p.Projects(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, fmt.Sprintf("%+v", project))
	}
	return lines
}

func dumpSecret(t *testing.T, p myvault.Provider, addr myvault.Address) (lines []string) {
	t.Helper()
	for info, err := range p.Versions(t.Context(), addr) {
		if err != nil {
			t.Fatal(err)
		}
		secret, err := p.Get(t.Context(), addr, info.Version)
		lines = append(lines, fmt.Sprintf("%v by %s at %v until %v or %v: %q %v", info, info.By, info.At, info.Expires, info.RotateAfter, secret.Value.Reveal(), err))
	}
	return lines
}

// undeleted is dump after everything was undeleted that can be.
func undeleted(t *testing.T, p myvault.Provider) []string {
	t.Helper()
	var gone []myvault.Address
	for info, err := range p.List(t.Context(), myvault.Range{Deleted: true}) {
		if err != nil {
			t.Fatal(err)
		}
		gone = append(gone, info.Address)
	}
	for _, addr := range gone {
		_, err := p.Apply(t.Context(), myvault.Commit{By: "test", At: copyBegin, Changes: []myvault.Change{{Op: myvault.OpUndelete, Address: addr}}})
		if err != nil && !errors.Is(err, myvault.ErrDestroyed) {
			t.Fatal(err)
		}
	}
	return dump(t, p)
}

func newSQLite(t *testing.T) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), t.TempDir(), sqlite.StaticKey(crypto.NewKey()), sqlite.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// oneByOne is a provider that makes one change at a time, keeps no trail and is no archive.
type oneByOne struct{ myvault.Provider }

func (p oneByOne) Apply(ctx context.Context, c myvault.Commit) ([]myvault.Info, error) {
	if len(c.Changes) > 1 {
		return nil, errors.ErrUnsupported
	}
	return p.Provider.Apply(ctx, c)
}

var copies = myvault.CopyOptions{By: "operator", DigestKey: []byte("fixed"), Parallel: 8}

// copyEqual copies, and holds the digests and everything that the providers tell against each other.
func copyEqual(t *testing.T, dst, src myvault.Provider, o myvault.CopyOptions) myvault.CopyReport {
	t.Helper()
	is := is.New(t)
	r, err := myvault.Copy(t.Context(), dst, src, o)
	is.NoErr(err)
	is.True(r.Equal())
	is.Equal(len(r.Source), 64)
	is.Equal(dump(t, dst), dump(t, src))
	return r
}

// TestCopyCarriesEverything over random histories, from one kind of provider to the other and back.
func TestCopyCarriesEverything(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			is := is.New(t)
			first, local, last := memory.New(memory.Config{}), newSQLite(t), memory.New(memory.Config{})
			newHistory(t, first, seed).changes(400)
			there := copyEqual(t, local, first, copies)
			back := copyEqual(t, last, local, copies)
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

// TestCopySaysWhoDidIt: the entries are of who copied, the versions of who wrote them.
func TestCopySaysWhoDidIt(t *testing.T) {
	is := is.New(t)
	src, dst := memory.New(memory.Config{}), newSQLite(t)
	h := newHistory(t, src, 1)
	h.apply("jobqueue", copyBegin, myvault.Change{Op: myvault.OpPut, Address: db, Value: myvault.Text("v")})
	before := time.Now().Add(-time.Second)
	copyEqual(t, dst, src, copies)
	secret, err := dst.Get(t.Context(), db, 0)
	is.NoErr(err)
	is.Equal(secret.By, "jobqueue")
	is.Equal(secret.At, copyBegin)
	n := 0
	for e, err := range dst.Entries(t.Context(), myvault.TrailRange{}) {
		is.NoErr(err)
		is.Equal(e.Service, "operator")
		is.Equal(e.Via, "copy")
		is.True(e.At.After(before))
		n++
	}
	is.Equal(n, 2) // the project and the secret
	var outcomes []string
	for e, err := range src.Entries(t.Context(), myvault.TrailRange{Action: "copy"}) {
		is.NoErr(err)
		outcomes = append(outcomes, e.Service+" "+string(e.Outcome))
	}
	is.Equal(outcomes, []string{"operator ok", "operator begun"}) // the source knows that it was read
}

// TestCopyToOneChangeAtATime goes to a store without a trail, and back with what it cannot give.
func TestCopyToOneChangeAtATime(t *testing.T) {
	is := is.New(t)
	src, far, back := memory.New(memory.Config{}), memory.New(memory.Config{}), newSQLite(t)
	newHistory(t, src, 3).changes(400)
	o := copies
	trail := &brokenTrail{}
	o.Trail = trail
	r := copyEqual(t, oneByOne{far}, src, o)
	is.True(r.Uncompared > 0)
	is.Equal(undeleted(t, src), undeleted(t, far)) // their values came along all the same
	is.True(len(trail.recorded()) >= 2*r.Written)
	newHistory(t, far, 4).changes(100)

	r, err := myvault.Copy(t.Context(), back, oneByOne{far}, copies)
	is.True(errors.Is(err, errors.ErrUnsupported))
	is.True(strings.Contains(err.Error(), fmt.Sprint(len(r.Unreadable))))
	is.Equal(len(dump(t, back)), 0) // refused before anything was written
	o = copies
	o.DestroyUnreadable = true
	r, err = myvault.Copy(t.Context(), back, oneByOne{far}, o)
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
		is.Equal(ours[i], line)
	}
	r, err = myvault.Copy(t.Context(), back, oneByOne{far}, o)
	is.NoErr(err)
	is.Equal(r.Written, 0) // nothing is left to do
}

func TestCopyDryRun(t *testing.T) {
	is := is.New(t)
	src, dst := memory.New(memory.Config{}), newSQLite(t)
	newHistory(t, src, 8).changes(200)
	o := copies
	o.DryRun = true
	r, err := myvault.Copy(t.Context(), dst, src, o)
	is.NoErr(err)
	is.Equal(len(dump(t, dst)), 0)
	is.Equal(r.Written, r.Versions)
	is.True(!r.Equal()) // nothing is claimed
	is.Equal(copyEqual(t, dst, src, copies).Written, r.Written)
	r, err = myvault.Copy(t.Context(), dst, src, o)
	is.NoErr(err)
	is.Equal(r.Written, 0)
}

// TestCopyProgress counts up to what there is, in each phase, and names nothing.
func TestCopyProgress(t *testing.T) {
	is := is.New(t)
	src, dst := memory.New(memory.Config{}), memory.New(memory.Config{})
	newHistory(t, src, 9).changes(200)
	ended := make(map[myvault.CopyPhase]myvault.CopyProgress)
	o := copies
	o.Progress = func(p myvault.CopyProgress) {
		if p.Ended {
			ended[p.Phase] = p
		}
	}
	r := copyEqual(t, dst, src, o)
	is.Equal(slices.Sorted(maps.Keys(ended)), []myvault.CopyPhase{myvault.PhaseCopy, myvault.PhaseSurvey, myvault.PhaseVerify})
	for _, p := range ended {
		is.Equal(p.Done, r.Addresses)
		is.Equal(p.Versions, r.Versions)
		is.Equal(p.Addresses, r.Addresses)
		is.Equal(p.AllVersions, r.Versions)
		is.True(p.Rate() > 0)
	}
}

// TestCopyFindsABadTarget: a target that loses or changes something is not called equal.
func TestCopyFindsABadTarget(t *testing.T) {
	for name, spoil := range map[string]func(*myvault.Commit){
		"another value":  func(c *myvault.Commit) { c.Changes[0].Value = myvault.Text("other") },
		"another author": func(c *myvault.Commit) { c.By = "other" },
		"another time":   func(c *myvault.Commit) { c.At = c.At.Add(time.Microsecond) },
		"another expiry": func(c *myvault.Commit) { c.Changes[0].Expires = copyBegin },
	} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			src, dst := memory.New(memory.Config{}), memory.New(memory.Config{})
			newHistory(t, src, 10).apply("x", copyBegin, myvault.Change{Op: myvault.OpPut, Address: db, Value: myvault.Text("v")})
			r, err := myvault.Copy(t.Context(), spoiling{dst, spoil}, src, copies)
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

// TestCopyOfLargeHistories: values of one history are held in windows.
func TestCopyOfLargeHistories(t *testing.T) {
	is := is.New(t)
	src, dst := newSQLite(t), newSQLite(t)
	for n := range 9 {
		_, err := src.Apply(t.Context(), myvault.Commit{By: "x", At: copyBegin.Add(time.Duration(n) * time.Second), Changes: []myvault.Change{
			{Op: myvault.OpPut, Address: db, Value: myvault.Text(strings.Repeat(fmt.Sprint(n), 400<<10))},
		}})
		is.NoErr(err)
	}
	is.Equal(copyEqual(t, dst, src, copies).Written, 9)
}

func TestCopyIsCancelled(t *testing.T) {
	is := is.New(t)
	ctx, cancel := context.WithCancel(t.Context())
	src, dst := memory.New(memory.Config{}), memory.New(memory.Config{})
	newHistory(t, src, 11).changes(200)
	o := copies
	o.Progress = func(myvault.CopyProgress) { cancel() }
	_, err := myvault.Copy(ctx, dst, src, o)
	is.True(errors.Is(err, context.Canceled))
	o.Progress = nil
	copyEqual(t, dst, src, o)
}

// Everything is carried from one provider to another. The second run finds nothing left to do.
func ExampleCopy() {
	ctx := context.Background()
	src, dst := memory.New(memory.Config{}), memory.New(memory.Config{})
	addr := myvault.Address{Project: "newsbot", Path: "prod/db/password"}
	for _, value := range []string{"first", "second"} {
		_, err := src.Apply(ctx, myvault.Commit{By: "jobqueue", At: copyBegin, Changes: []myvault.Change{
			{Op: myvault.OpPut, Address: addr, Value: myvault.Text(value)},
		}})
		if err != nil {
			log.Fatal(err)
		}
	}
	for range 2 {
		report, err := myvault.Copy(ctx, dst, src, myvault.CopyOptions{By: "operator"})
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
