package tamper_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/test/storetest"
)

// answers are the lines that a query of a store returned, and the error at its end.
type answers struct {
	lines []string
	err   error
}

// asked are the addresses that observe reads. One of them never exists.
var asked = []string{"p/a", "p/b", "p/big", "p/gone", "p/never", "p/only", "q/a"}

// observe runs every query that a caller can make.
func observe(ctx context.Context, s *sqlite.Store) map[string]answers {
	all := map[string]answers{"incarnation": {lines: []string{s.Incarnation()}}}
	for _, where := range asked {
		for version := range myvault.Version(5) {
			all[fmt.Sprintf("get %s %d", where, version)] = got(s.Get(ctx, storetest.Addr(where), version))
		}
		all["versions "+where] = collected(s.Versions(ctx, storetest.Addr(where), 0))
	}
	all["list"] = collected(s.List(ctx, myvault.ListOptions{}))
	all["list below p"] = collected(s.List(ctx, myvault.ListOptions{Prefix: myvault.Prefix{Project: "p"}}))
	all["list deleted"] = collected(s.List(ctx, myvault.ListOptions{Deleted: true}))
	all["projects"] = collected(s.Projects(ctx, ""))
	// Each chain separately: the merged order depends on the entries of both.
	entries := collected(s.Entries(ctx, myvault.TrailFilter{}))
	for _, chain := range []string{myvault.ChainChanges, myvault.ChainAccess} {
		of := answers{err: entries.err}
		for _, line := range entries.lines {
			if strings.HasPrefix(line, "{Chain:"+chain+" ") {
				of.lines = append(of.lines, line)
			}
		}
		all["entries of "+chain] = of
	}
	return all
}

// got returns the result of a read as one line. Errors of the contract are a line too.
func got(secret myvault.Secret, err error) answers {
	switch {
	case err == nil:
		return answers{lines: []string{fmt.Sprintf("%+v %s", secret.Info, secret.Value.Reveal())}}
	case secret.Value.Len() != 0:
		return answers{lines: []string{"a value beside an error"}}
	case errors.Is(err, myvault.ErrNotFound), errors.Is(err, myvault.ErrDestroyed):
		return answers{lines: []string{err.Error()}}
	}
	return answers{err: err}
}

func collected[T any](all iter.Seq2[T, error]) (s answers) {
	for one, err := range all {
		if errors.Is(err, myvault.ErrNotFound) {
			return answers{lines: append(s.lines, err.Error())}
		}
		if err != nil {
			s.err = err
			return s
		}
		s.lines = append(s.lines, fmt.Sprintf("%+v", one))
	}
	return s
}

// story is a store whose files are kept, with every answer it has given.
type story struct {
	key    crypto.Key
	closed string // a directory after Close
	killed string // a directory with the last half in the write-ahead logs
	heads  []myvault.Head
	past   []string // the directory, killed after each chapter
	truth  map[string]answers
	ever   map[string]map[string]bool // every line that was once an answer
}

// newStory makes a story with three epochs. No two of its lines are equal by accident.
func newStory(t testing.TB) *story {
	t.Helper()
	y := &story{key: crypto.NewKey(), closed: t.TempDir(), killed: t.TempDir(), ever: map[string]map[string]bool{}}
	ctx := context.Background()
	config := storetest.OptionsOf(sqlite.Config{Trail: storetest.KeepEntries}).WithEpochLimit(6)
	s, err := config.Open(ctx, y.closed, sqlite.StaticKey(y.key))
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	check(err)
	for n, c := range chapters() {
		if n == 12 { // later changes are in the write-ahead logs of killed
			check(s.Close())
			s, err = config.Open(ctx, y.closed, sqlite.StaticKey(y.key))
			check(err)
		}
		when := storetest.At.Add(time.Duration(n) * time.Minute)
		_, err := s.Apply(ctx, myvault.Commit{Changes: []myvault.Change{c}, By: fmt.Sprint("author", n), At: when})
		check(err)
		check(s.Record(ctx, myvault.Entry{
			Service: fmt.Sprint("reader", n), Via: "header", Request: fmt.Sprint("r", n), Action: "read", Address: storetest.Addr("p/a"),
			Version: 1, Count: uint64(n), At: when.Add(time.Second), Last: when.Add(2 * time.Second),
		}))
		if n == 9 || n == 15 {
			_, err := s.PruneAccess(ctx, sqlite.AccessLimit{UpTo: uint64(n - 5)}, nil)
			check(err)
		}
		y.remember(observe(ctx, s))
		y.past = append(y.past, storetest.Copied(t, y.closed))
	}
	y.truth = observe(ctx, s)
	y.heads, err = s.Heads(ctx)
	check(err)
	y.killed = storetest.Copied(t, y.closed)
	check(s.Close())
	return y
}

// chapters are the changes of a story.
func chapters() []myvault.Change {
	expiring := storetest.Put("p/a", "the third of a")
	expiring.Expires, expiring.RotateAfter = storetest.At.Add(time.Hour), storetest.At.Add(time.Minute)
	return []myvault.Change{
		storetest.Put("p/a", "the first of a"), storetest.Put("p/a", "the second of a"), storetest.Put("p/b", "the first of b"), storetest.Put("q/a", "the first of q"),
		storetest.On(myvault.OpDelete, "p/b"), storetest.On(myvault.OpUndelete, "p/b"), storetest.Put("p/gone", "the one of gone"), expiring,
		storetest.On(myvault.OpDestroy, "p/a", 1), storetest.Put("p/big", "the big "+strings.Repeat("one ", 3000)),
		{Op: myvault.OpPutProject, Project: myvault.Project{Name: "p", Description: "described"}},
		storetest.Put("q/a", "the second of q"), storetest.Put("p/b", "the second of b"), storetest.On(myvault.OpDelete, "p/gone"),
		{Op: myvault.OpDefaultProject, Project: myvault.Project{Name: "q"}},
		storetest.Put("p/a", "the fourth of a"), storetest.Put("p/only", "only this"), storetest.On(myvault.OpDelete, "q/a"),
		storetest.Put("q/a", "the third of q"), storetest.On(myvault.OpDestroy, "p/b", 1),
		{Op: myvault.OpPutProject, Project: myvault.Project{Name: "r"}},
		{Op: myvault.OpDeleteProject, Project: myvault.Project{Name: "r"}},
	}
}

func (y *story) remember(all map[string]answers) {
	for question, s := range all {
		if y.ever[question] == nil {
			y.ever[question] = map[string]bool{}
		}
		for _, line := range s.lines {
			y.ever[question][line] = true
		}
	}
}

// verdict grades the answers of a store whose files were changed.
type verdict int

const (
	isRight   verdict = iota // all as they were
	isRefused                // an error in place of some lines
	isMissing                // a line is missing without an error
	isOld                    // an answer that was right earlier
	isWrong                  // an answer that never was right
)

func (v verdict) String() string {
	return []string{"right", "refused", "missing", "old", "wrong"}[v]
}

// judge returns the worst verdict and its question.
func (y *story) judge(all map[string]answers) (worst verdict, question string) {
	for _, q := range slices.Sorted(maps.Keys(all)) {
		if v := y.one(q, all[q]); v > worst {
			worst, question = v, q
		}
	}
	return worst, question
}

func (y *story) one(question string, s answers) verdict {
	truth := y.truth[question].lines
	rest, v := truth, isRight
	for _, line := range s.lines {
		i := slices.Index(rest, line)
		switch {
		case i >= 0:
			rest = rest[i+1:]
		case slices.Contains(truth, line): // twice, or in another order
			return isWrong
		case y.ever[question][line]:
			v = max(v, isOld)
		case line == myvault.ErrNotFound.Error():
			v = max(v, isMissing)
		default:
			return isWrong
		}
	}
	if s.err != nil {
		return max(v, isRefused)
	}
	if len(s.lines) < len(truth) {
		return max(v, isMissing)
	}
	return v
}

// outcome is the result for a store whose files were changed.
type outcome struct {
	verdict  verdict
	question string // the one with the worst answer
	open     error
	verify   error
}

// detected reports whether any call returned an error about the change.
func (o outcome) detected() bool { return o.open != nil || o.verify != nil || o.verdict == isRefused }

// check opens a directory and runs every query. It fails the test for a wrong answer, for an
// incomplete or old answer if Verify finds nothing, and for an error that is not part of the
// contract or contains a value.
func (y *story) check(t *testing.T, dir, what string) (o outcome) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute) // or it hangs
	defer cancel()
	s, err := sqlite.Open(ctx, dir, sqlite.StaticKey(y.key), sqlite.Config{Trail: storetest.KeepEntries})
	if err != nil {
		y.checkError(t, what, err)
		return outcome{open: err}
	}
	defer s.Close() // a damaged store may not close
	all := observe(ctx, s)
	for _, one := range all {
		y.checkError(t, what, one.err)
	}
	o.verdict, o.question = y.judge(all)
	_, o.verify = s.Verify(ctx, y.heads...)
	y.checkError(t, what, o.verify)
	if o.verdict == isWrong || o.verdict > isRefused && o.verify == nil {
		t.Errorf("%s: the answer to %q is %s: %+v; Verify: %v", what, o.question, o.verdict, all[o.question], o.verify)
	}
	return o
}

// checkError fails for errors that are not part of the contract, and for errors that contain a
// value.
func (y *story) checkError(t *testing.T, what string, err error) {
	t.Helper()
	if err == nil {
		return
	}
	for _, known := range []error{
		myvault.ErrTampered, myvault.ErrWrongKey, myvault.ErrUnavailable, sqlite.ErrForeign, sqlite.ErrNewer, sqlite.ErrMissing,
	} {
		if errors.Is(err, known) && !strings.Contains(err.Error(), "the first of") && !strings.Contains(err.Error(), "the big") {
			return
		}
	}
	t.Errorf("%s: %v", what, err)
}

// TestVerdicts checks that an unchanged store is judged right, and that every verdict is possible.
func TestVerdicts(t *testing.T) {
	y := newStory(t)
	for name, dir := range map[string]string{"closed": y.closed, "killed": y.killed} {
		if o := y.check(t, storetest.Copied(t, dir), name); o.verdict != isRight || o.detected() {
			t.Errorf("%s: %+v", name, o)
		}
	}
	truth := y.truth["list"].lines
	for want, s := range map[verdict]answers{
		isRight: {lines: truth}, isRefused: {lines: truth[:1], err: myvault.ErrTampered}, isMissing: {lines: truth[1:]},
		isOld: {lines: append(append([]string{}, y.stale("list")), truth[1:]...)}, isWrong: {lines: append(truth[1:2:2], truth...)},
	} {
		if v := y.one("list", s); v != want {
			t.Errorf("%v in place of %v", v, want)
		}
	}
}

// stale returns a line of an earlier answer.
func (y *story) stale(question string) string {
	for line := range y.ever[question] {
		if !slices.Contains(y.truth[question].lines, line) {
			return line
		}
	}
	return ""
}
