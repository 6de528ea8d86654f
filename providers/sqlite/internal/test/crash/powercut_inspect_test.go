package crash_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/memory"
	"github.com/myswiftagent/myvault/providers/sqlite"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/simdisk"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/test/storetest"
)

// remains are the contents that a store has after a cut.
type remains struct {
	key         int // index of the key that opens it
	incarnation string
	commits     map[int][]myvault.Entry // by the number of the commit
	order       []int
	pruned      []myvault.Entry // entries of versions destroyed by a prune
	reads       map[int]int     // how often each access entry is there
}

// inspect opens the store below root and checks it without the marks: everything verifies, every
// commit is complete, and its contents equal those of a reference after the same commits. Then it
// writes to the store and closes it.
func (h *history) inspect(t testing.TB, root string) (*remains, error) {
	ctx := context.Background()
	disk := simdisk.NewUnrecorded(t, root)
	config := configOf(disk)
	s, key, err := h.openWithAnyKey(filepath.Join(root, "store"), config)
	if err != nil {
		return nil, err
	}
	f := &remains{key: key, incarnation: s.Incarnation(), commits: map[int][]myvault.Entry{}, reads: map[int]int{}}
	_, err = s.Verify(ctx)
	if err == nil {
		err = f.collect(s)
	}
	if err == nil {
		err = f.compare(s, h.commits, h.before)
	}
	if err == nil {
		_, err = s.Apply(ctx, myvault.Commit{Changes: []myvault.Change{storetest.Put("probe/x", "probe")}, By: "probe", At: storetest.At})
	}
	if err == nil {
		err = s.Record(ctx, myvault.Entry{Action: "read", Service: "probe"})
	}
	if err == nil && h.finish != nil {
		err = h.finish(s)
	}
	if err == nil && (h.finish != nil || storetest.LongPass()) {
		_, err = s.Verify(ctx)
	}
	return f, errors.Join(err, s.Close(), h.checkBeside(root, config))
}

// openWithAnyKey opens a store with the first key that fits.
func (h *history) openWithAnyKey(dir string, config storetest.Options) (s *sqlite.Store, key int, err error) {
	for key = range h.keys {
		s, err = config.Open(context.Background(), dir, sqlite.StaticKey(h.keys[key]))
		if !errors.Is(err, myvault.ErrWrongKey) {
			break
		}
	}
	return s, key, err
}

// collect reads both chains.
func (f *remains) collect(s *sqlite.Store) error {
	for e, err := range s.Entries(context.Background(), myvault.TrailFilter{}) {
		if err != nil {
			return err
		}
		var n int
		if _, err := fmt.Sscanf(e.Request, "read %d", &n); err == nil && e.Chain == myvault.ChainAccess {
			f.reads[n]++
			continue
		}
		if _, err := fmt.Sscanf(e.Request, "commit %d", &n); err != nil || e.Chain != myvault.ChainChanges {
			if e.Via == "operator" && e.Action == myvault.OpDestroy.String() {
				f.pruned = append(f.pruned, e)
			}
			continue // entries of the store's own operations
		}
		f.commits[n] = append(f.commits[n], e)
	}
	for n, entries := range f.commits {
		slices.SortFunc(entries, func(a, b myvault.Entry) int { return cmp.Compare(a.Seq, b.Seq) })
		f.order = append(f.order, n)
	}
	slices.SortFunc(f.order, func(a, b int) int { return cmp.Compare(f.commits[a][0].Seq, f.commits[b][0].Seq) })
	return nil
}

// compare compares the store with a reference after the same commits in the same order.
func (f *remains) compare(s *sqlite.Store, commits []*promise, before []string) error {
	reference := memory.New(memory.Config{})
	defer reference.Close()
	for _, n := range f.order {
		entries, a := f.commits[n], commits[n]
		if err := f.prune(reference, entries[0].Seq); err != nil {
			return err
		}
		if len(entries) != len(a.changes) {
			return fmt.Errorf("commit %d has %d of its %d changes", n, len(entries), len(a.changes))
		}
		if last := entries[len(entries)-1]; last.Seq-entries[0].Seq != uint64(len(entries)-1) {
			return fmt.Errorf("commit %d is not contiguous in the log", n)
		}
		if _, err := reference.Apply(context.Background(), a.commit(n)); err != nil {
			return fmt.Errorf("commit %d should have been refused: %w", n, err)
		}
	}
	if err := f.prune(reference, math.MaxUint64); err != nil {
		return err
	}
	want, err := allContents(reference)
	if err != nil {
		return err
	}
	want = append(want, before...)
	slices.Sort(want)
	got, err := allContents(s)
	if err != nil {
		return err
	}
	slices.Sort(got)
	for i := range max(len(want), len(got)) {
		if i >= len(want) || i >= len(got) || want[i] != got[i] {
			return fmt.Errorf("the contents differ from the log:\n%s\nwant\n%s",
				strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
	return nil
}

// prune destroys in the reference the versions that a prune destroyed before an entry: all up to
// the version of its entry.
func (f *remains) prune(reference myvault.Provider, before uint64) error {
	for n := len(f.pruned) - 1; n >= 0 && f.pruned[n].Seq < before; n-- {
		e := f.pruned[n]
		c := myvault.Change{Op: myvault.OpDestroy, Address: e.Address}
		for v := range e.Version {
			c.Versions = append(c.Versions, v+1)
		}
		if _, err := reference.Apply(context.Background(), myvault.Commit{Changes: []myvault.Change{c}, By: e.Service, At: e.At}); err != nil {
			return err
		}
		f.pruned = f.pruned[:n]
	}
	return nil
}

// allContents returns a line for each version of each secret, and for each project.
func allContents(p myvault.Provider) (lines []string, err error) {
	ctx := context.Background()
	var secrets []myvault.Address
	for info, err := range p.List(ctx, myvault.ListOptions{Deleted: true}) {
		if err != nil {
			return nil, err
		}
		secrets = append(secrets, info.Address)
	}
	for info, err := range p.List(ctx, myvault.ListOptions{}) {
		if err != nil {
			return nil, err
		}
		if !slices.Contains(secrets, info.Address) {
			secrets = append(secrets, info.Address)
		}
	}
	for _, a := range secrets {
		for info, err := range p.Versions(ctx, a, 0) {
			if err != nil {
				return nil, err
			}
			secret, err := p.Get(ctx, a, info.Version)
			answer := fmt.Sprint(err)
			if err == nil {
				answer = secret.Value.Reveal()
			}
			lines = append(lines, fmt.Sprintf("%+v: %s", info, answer))
		}
	}
	for project, err := range p.Projects(ctx, "") {
		if err != nil {
			return nil, err
		}
		lines = append(lines, fmt.Sprintf("%+v", project))
	}
	return lines, nil
}

// checkPromises checks that commits and entries promised before the cut are there, and that
// refused or later ones are not.
func (h *history) checkPromises(f *remains, cut simdisk.Cut) error {
	begun := map[int]bool{}
	for i, mark := range cut.Marks {
		var err error
		switch m := mark.(type) {
		case markBegun:
			begun[int(m)] = true
		case markAnswered:
			err = h.checkCommit(f, int(m))
		case markDenied:
			if f.commits[int(m)] != nil {
				err = fmt.Errorf("commit %d was refused but is there", m)
			}
		case markRecorded:
			age := cut.At.Sub(cut.MarkedAt[i])
			due := age >= syncPromise
			if h.faulty {
				due = h.mustBeSynced(cut, i)
			}
			pruned := slices.ContainsFunc(cut.Marks[i:], func(mark any) bool {
				through, is := mark.(markPruning)
				return is && m < markRecorded(through)
			})
			if due && f.reads[int(m)] != 1 && !pruned {
				err = fmt.Errorf("access entry %d was acknowledged %v before the cut and is there %d times", m, age, f.reads[int(m)])
			}
		case markOpened:
			if string(m) != f.incarnation {
				err = fmt.Errorf("another store was opened")
			}
		case markScrubbed:
			for _, record := range m {
				if file, still := cut.Image.Holds(record); still {
					err = fmt.Errorf("%s contains a destroyed record", file)
				}
			}
		default:
			err = h.checkOperation(f, cut, mark)
		}
		if err != nil {
			return err
		}
	}
	for n := range f.commits {
		if !begun[n] {
			return fmt.Errorf("commit %d is there before it was requested", n)
		}
	}
	return nil
}

// mustBeSynced reports whether an access entry must be there although the disk failed: the store
// was closed later without an error, or Ping succeeded long enough after the entry.
func (h *history) mustBeSynced(cut simdisk.Cut, entry int) bool {
	for i, mark := range cut.Marks[entry:] {
		_, well := mark.(simdisk.CutHere)
		well = well && cut.MarkedAt[entry+i].Sub(cut.MarkedAt[entry]) >= syncPromise
		if _, closed := mark.(markClosed); closed || well {
			return true
		}
	}
	return false
}

// checkCommit checks that an acknowledged commit is there, with the returned versions, and after
// the commits that were acknowledged before it was requested.
func (h *history) checkCommit(f *remains, n int) error {
	entries, a := f.commits[n], h.commits[n]
	if entries == nil {
		return fmt.Errorf("commit %d was acknowledged and is lost", n)
	}
	for i, info := range a.infos {
		if e := entries[i]; e.Version != info.Version || a.changes[i].Op < myvault.OpPutProject && e.Address != info.Address {
			return fmt.Errorf("commit %d was acknowledged with other versions: %v, %v", n, entries, a.infos)
		}
	}
	for before := range n {
		if a.after[before] && (f.commits[before] == nil || f.commits[before][0].Seq > entries[0].Seq) {
			return fmt.Errorf("commit %d is before %d, which was acknowledged first", n, before)
		}
	}
	return nil
}
