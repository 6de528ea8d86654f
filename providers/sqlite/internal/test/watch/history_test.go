package watch_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
)

// seen is an event as a watcher printed it, or a bookmark if it has no changes.
type seen struct {
	Position uint64
	Changes  []string // "p/left-1 version 3 live"
	Visible  bool     // Get returned these versions, or later ones, when the event came
}

// run is what one process printed until it was killed. The next run resumes after its last event.
type run []seen

// history is the runs of one watcher from a position on, and the chain of changes.
type history struct {
	start uint64
	runs  []run
	chain []string // of all changes: chain[n] has the sequence n+1
}

func (e seen) begin() uint64 { return e.Position - uint64(len(e.Changes)) }

// isWhole reports whether the changes are whole commits, each of which writes left-n and right-n.
func isWhole(changes []string) bool {
	for i := 0; i+1 < len(changes); i += 2 {
		if strings.Replace(changes[i], "left", "right", 1) != changes[i+1] {
			return false
		}
	}
	return len(changes)%2 == 0
}

// check returns an error that begins with the guarantee that the history breaks.
func (h history) check() error {
	for _, test := range []func() error{h.atomic, h.unique, h.ordered, h.resumable, h.reliable, h.bookmarkable, h.committed, h.faithful} {
		if err := test(); err != nil {
			return err
		}
	}
	return nil
}

// each calls f with each event, the position before it and whether it is the first of its run.
func (h history) each(f func(e seen, before uint64, first bool) error) error {
	before := h.start
	for _, r := range h.runs {
		for i, e := range r {
			if err := f(e, before, i == 0); err != nil {
				return err
			}
			before = e.Position
		}
	}
	return nil
}

func (h history) atomic() error {
	return h.each(func(e seen, _ uint64, _ bool) error {
		if !isWhole(e.Changes) {
			return fmt.Errorf("atomic: a commit is torn: %v", e.Changes)
		}
		return nil
	})
}

func (h history) unique() error {
	for _, r := range h.runs {
		delivered := map[string]bool{}
		for _, e := range r {
			for _, c := range e.Changes {
				if delivered[c] {
					return fmt.Errorf("unique: %s came twice", c)
				}
				delivered[c] = true
			}
		}
	}
	return nil
}

func (h history) ordered() error {
	return h.each(func(e seen, before uint64, first bool) error {
		if !first && e.Position < before {
			return fmt.Errorf("ordered: position %d after %d", e.Position, before)
		}
		return nil
	})
}

func (h history) resumable() error {
	return h.each(func(e seen, before uint64, first bool) error {
		if first && e.begin() != before {
			return fmt.Errorf("resumable: resumed after %d with the changes after %d", before, e.begin())
		}
		return nil
	})
}

func (h history) reliable() error {
	return h.each(func(e seen, before uint64, _ bool) error {
		if len(e.Changes) > 0 && e.begin() != before {
			return fmt.Errorf("reliable: no changes between %d and %d", before, e.begin())
		}
		return nil
	})
}

func (h history) bookmarkable() error {
	return h.each(func(e seen, before uint64, _ bool) error {
		if len(e.Changes) == 0 && e.Position != before {
			return fmt.Errorf("bookmarkable: a bookmark at %d after the events up to %d", e.Position, before)
		}
		return nil
	})
}

func (h history) committed() error {
	return h.each(func(e seen, _ uint64, _ bool) error {
		if !e.Visible {
			return fmt.Errorf("committed: the event at %d came before its commit", e.Position)
		}
		return nil
	})
}

func (h history) faithful() error {
	return h.each(func(e seen, before uint64, _ bool) error {
		if e.Position > uint64(len(h.chain)) {
			return fmt.Errorf("faithful: an event at %d of %d", e.Position, len(h.chain))
		}
		for i, c := range e.Changes {
			if want := h.chain[before+uint64(i)]; c != want {
				return fmt.Errorf("faithful: got %s, want %s", c, want)
			}
		}
		return nil
	})
}

// good returns a history of two runs that keeps every guarantee.
func good() *history {
	h := &history{start: 4, chain: make([]string, 4)}
	for n := range 20 {
		h.chain = append(h.chain, fmt.Sprintf("p/left-%d version %d live", n%3, n), fmt.Sprintf("p/right-%d version %d live", n%3, n))
	}
	for first := 4; first < 44; first += 20 {
		var r run
		for at := first; at < first+20; at += 4 {
			r = append(r, seen{uint64(at + 2), h.chain[at : at+2], true}, seen{uint64(at + 4), h.chain[at+2 : at+4], true})
		}
		h.runs = append(h.runs, append(r, seen{Position: uint64(first + 20), Visible: true}))
	}
	return h
}

// Each broken watcher is found by the guarantee that it breaks.
func TestBrokenWatchersAreFound(t *testing.T) {
	for guarantee, corrupt := range map[string]func(*history){
		"": func(*history) {},
		"atomic": func(h *history) {
			e := h.runs[0][1]
			half, rest := e, e
			half.Position, half.Changes, rest.Changes = e.Position-1, e.Changes[:1], e.Changes[1:]
			h.runs[0] = append(run{h.runs[0][0], half, rest}, h.runs[0][2:]...)
		},
		"unique":    func(h *history) { h.runs[0] = append(h.runs[0][:2:2], h.runs[0][1:]...) },
		"ordered":   func(h *history) { h.runs[0][1], h.runs[0][2] = h.runs[0][2], h.runs[0][1] },
		"reliable":  func(h *history) { h.runs[1] = append(h.runs[1][:1:1], h.runs[1][2:]...) },
		"resumable": func(h *history) { h.runs[1] = h.runs[1][1:] },
		"bookmarkable": func(h *history) {
			h.runs[0][len(h.runs[0])-1].Position += 2
			h.runs[1] = h.runs[1][1:]
		},
		"committed": func(h *history) { h.runs[0][3].Visible = false },
		"faithful": func(h *history) {
			h.chain = slices.Clone(h.chain) // the events share it
			h.chain[6], h.chain[7], h.chain[8], h.chain[9] = h.chain[8], h.chain[9], h.chain[6], h.chain[7]
		},
	} {
		is := is.New(t)
		h := good()
		corrupt(h)
		err := h.check()
		name, _, _ := strings.Cut(fmt.Sprint(err), ":")
		if guarantee == "" {
			is.NoErr(err)
			continue
		}
		is.Equal(name, guarantee)
	}
	// A watcher that delivers an event again when it resumes.
	is := is.New(t)
	h := good()
	h.runs[1] = append(h.runs[0][len(h.runs[0])-2:len(h.runs[0])-1:len(h.runs[0])-1], h.runs[1]...)
	is.True(strings.HasPrefix(fmt.Sprint(h.check()), "resumable"))
}

// seenOf returns an event as a watcher prints it.
func seenOf(e myvault.Event, incarnation string, visible bool) (seen, error) {
	seq, err := e.Position.Seq(incarnation)
	s := seen{Position: seq, Visible: visible}
	for _, c := range e.Changes {
		s.Changes = append(s.Changes, c.String())
	}
	return s, err
}
