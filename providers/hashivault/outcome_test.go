package hashivault_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/hashivault"
	"github.com/myswiftagent/myvault/providers/hashivault/internal/fakevault"
)

// once returns a fault for the first request of that kind, such as "POST data", and none for
// others.
func once(kind string, f fakevault.Fault) func(*http.Request) fakevault.Fault {
	var happened atomic.Bool
	return func(r *http.Request) fakevault.Fault {
		if r.Method+" "+fakevault.Kind(r) == kind && !happened.Swap(true) {
			return f
		}
		return fakevault.Fault{}
	}
}

var lostAnswers = map[string]fakevault.Fault{
	"the answer is lost":                   {Lose: true},
	"a node fails before":                  {Status: 500, Text: "internal error"},
	"a node fails after":                   {Status: 502, Text: "bad gateway"},
	"the connection breaks before":         {Drop: true},
	"the answer comes after the time-out":  {Delay: 400 * time.Millisecond},
	"the request waits past the time-out":  {Before: 400 * time.Millisecond},
	"the answer is lost while it is known": {Lose: true, Delay: 50 * time.Millisecond},
}

// TestLostAnswers: a change that can be repeated, or whose effect is visible, is made once and
// succeeds, for any fault.
func TestLostAnswers(t *testing.T) {
	for fault, f := range lostAnswers {
		for _, c := range []struct {
			about, kind string
			change      myvault.Change
			want        string // the states that follow
		}{
			{"put if present", "POST data", put("newsbot/a", "3", myvault.IfPresent()), "[3 live 2 live 1 live]"},
			{"put if a version", "PATCH data", put("newsbot/a", "3", myvault.IfVersion(2)), "[3 live 2 live 1 live]"},
			{"put if absent", "POST data", put("newsbot/new", "1", myvault.IfAbsent()), "[1 live]"},
			{"delete, the note", "PATCH metadata", change(myvault.OpDelete, "newsbot/a"), "[2 deleted 1 live]"},
			{"destroy", "POST destroy", change(myvault.OpDestroy, "newsbot/a"), "[2 destroyed 1 destroyed]"},
			{"destroy, the note", "PATCH metadata", change(myvault.OpDestroy, "newsbot/a"), "[2 destroyed 1 destroyed]"},
		} {
			t.Run(fault+"/"+c.about, func(t *testing.T) {
				inBubble(t, func(t *testing.T, fake *fakevault.Vault, config hashivault.Config) {
					is := is.New(t)
					config.Timeout = 150 * time.Millisecond
					s := opened(t, config)
					do(t, s, put("newsbot/a", "1"), put("newsbot/a", "2"), put("newsbot/gone", "1"), change(myvault.OpDelete, "newsbot/gone"))
					fake.Break(once(c.kind, f))
					_, err := apply(t.Context(), s, c.change)
					is.NoErr(err)
					is.Equal(fmt.Sprint(states(t, s, c.change.Address.String())), c.want)
					time.Sleep(2 * f.Before) // the delayed request arrives and changes nothing
					is.Equal(fmt.Sprint(states(t, s, c.change.Address.String())), c.want)
				})
			})
		}
	}
}

// TestLostAnswerOfAMark: a Delete or Undelete is sent once. It succeeds if its effect is
// visible. Otherwise its outcome is unknown, because it may still arrive.
func TestLostAnswerOfAMark(t *testing.T) {
	for fault, f := range lostAnswers {
		for _, c := range []struct {
			kind            string
			change          myvault.Change
			made, untouched string
		}{
			{"POST delete", change(myvault.OpDelete, "newsbot/a"), "[1 deleted]", "[1 live]"},
			{"POST undelete", change(myvault.OpUndelete, "newsbot/gone"), "[1 live]", "[1 deleted]"},
		} {
			t.Run(fault+"/"+c.kind, func(t *testing.T) {
				inBubble(t, func(t *testing.T, fake *fakevault.Vault, config hashivault.Config) {
					is := is.New(t)
					config.Timeout = 150 * time.Millisecond
					s := opened(t, config)
					do(t, s, put("newsbot/a", "1"), put("newsbot/gone", "1"), change(myvault.OpDelete, "newsbot/gone"))
					fake.Requests()
					fake.Break(once(c.kind, f))
					_, err := apply(t.Context(), s, c.change)
					is.Equal(strings.Count(strings.Join(fake.Requests(), ",")+",", c.kind+","), 1)
					want := c.made
					if f.Lose || f.Delay > 0 {
						is.NoErr(err)
					} else {
						is.True(errors.Is(err, myvault.ErrUnknownOutcome))
						is.True(!errors.Is(err, context.DeadlineExceeded)) // no caller's deadline has passed
						if f.Before == 0 {
							want = c.untouched
						}
					}
					time.Sleep(2 * f.Before) // the delayed request arrives
					is.Equal(fmt.Sprint(states(t, s, c.change.Address.String())), want)
				})
			})
		}
	}
}

// TestLostAnswerOfAPut: an unconditional write is never sent twice. It succeeds if its version
// is found. Otherwise its outcome is unknown.
func TestLostAnswerOfAPut(t *testing.T) {
	for fault, f := range lostAnswers {
		t.Run(fault, func(t *testing.T) {
			inBubble(t, func(t *testing.T, fake *fakevault.Vault, config hashivault.Config) {
				is := is.New(t)
				config.Timeout = 150 * time.Millisecond
				s := opened(t, config)
				do(t, s, put("newsbot/a", "1"))
				fake.Requests()
				fake.Break(once("POST data", f))
				info, err := apply(t.Context(), s, put("newsbot/a", "2"))
				if f.Lose || f.Delay > 0 {
					is.NoErr(err)
					is.Equal(info.Version, myvault.Version(2))
				} else {
					is.True(errors.Is(err, myvault.ErrUnknownOutcome))
					is.True(!errors.Is(err, context.DeadlineExceeded)) // no caller's deadline has passed
				}
				sent := strings.Count(strings.Join(fake.Requests(), ","), "POST data")
				is.Equal(sent, 1)
			})
		})
	}
}

// TestLostAnswerUnderOthers: a write is found below newer ones. A conditional one that another
// writer overtook is a conflict.
func TestLostAnswerUnderOthers(t *testing.T) {
	inBubble(t, func(t *testing.T, fake *fakevault.Vault, config hashivault.Config) {
		is := is.New(t)
		s, other := opened(t, config), opened(t, config)
		do(t, s, put("newsbot/a", "1"), put("newsbot/b", "1"))
		// The other writer comes between the write and the look-up of its outcome.
		overtaken := func(addr string) func(*http.Request) fakevault.Fault {
			var step atomic.Int32
			return func(r *http.Request) fakevault.Fault {
				kind := fakevault.Kind(r)
				switch {
				case kind == "data" && r.Method == http.MethodPost && step.CompareAndSwap(0, 1):
					return fakevault.Fault{Lose: true}
				case kind == "subkeys" && step.CompareAndSwap(1, 2):
					do(t, other, put(addr, "theirs"), put(addr, "theirs again"))
				}
				return fakevault.Fault{}
			}
		}
		fake.Break(overtaken("newsbot/a"))
		info, err := apply(t.Context(), s, put("newsbot/a", "ours"))
		is.NoErr(err)
		is.Equal(info.Version, myvault.Version(2))
		fake.Break(nil)
		secret, err := s.Get(t.Context(), at("newsbot/a"), 2)
		is.NoErr(err)
		is.Equal(secret.Value.Reveal(), "ours")

		// This time the write was not made.
		var step atomic.Int32
		fake.Break(func(r *http.Request) fakevault.Fault {
			if fakevault.Kind(r) == "data" && r.Method == http.MethodPatch && step.CompareAndSwap(0, 1) {
				do(t, other, put("newsbot/b", "theirs"))
				return fakevault.Fault{Drop: true}
			}
			return fakevault.Fault{}
		})
		_, err = apply(t.Context(), s, put("newsbot/b", "ours", myvault.IfVersion(1)))
		is.True(errors.Is(err, myvault.ErrConflict))
	})
}

// TestOutcomeThatCannotBeFoundOut: the store goes down during a change, and the caller's
// deadline passes.
func TestOutcomeThatCannotBeFoundOut(t *testing.T) {
	inBubble(t, func(t *testing.T, fake *fakevault.Vault, config hashivault.Config) {
		is := is.New(t)
		s := opened(t, config)
		do(t, s, put("newsbot/a", "1"))
		var broken atomic.Bool
		fake.Break(func(r *http.Request) fakevault.Fault {
			broken.CompareAndSwap(false, r.Method != http.MethodGet)
			return fakevault.Fault{Drop: broken.Load()}
		})
		for _, c := range []myvault.Change{
			put("newsbot/a", "2"), put("newsbot/a", "2", myvault.IfVersion(1)), change(myvault.OpDestroy, "newsbot/a"),
			change(myvault.OpDelete, "newsbot/a"), ofProject(myvault.OpPutProject, "common"),
		} {
			synctest.Wait() // a delayed attempt arrives before the next change
			broken.Store(false)
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			_, err := apply(ctx, s, c)
			cancel()
			is.True(errors.Is(err, myvault.ErrUnknownOutcome))
			is.True(!errors.Is(err, myvault.ErrUnavailable)) // which would say that nothing was changed
		}
	})
}

// TestAMarkIsNotRepeated: the answer to a Delete or Undelete is lost, and another process
// undoes it. It is not made again.
func TestAMarkIsNotRepeated(t *testing.T) {
	for _, c := range []struct {
		about, kind string
		ours, undo  myvault.Op
		want        string
	}{
		{"delete", "delete", myvault.OpDelete, myvault.OpUndelete, "[1 live]"},
		{"undelete", "undelete", myvault.OpUndelete, myvault.OpDelete, "[1 deleted]"},
	} {
		t.Run(c.about, func(t *testing.T) {
			is := is.New(t)
			fake := fakevault.New(t)
			config := fresh(fake.Address, fake.Token)
			s, other := opened(t, config), opened(t, config)
			do(t, s, put("newsbot/a", "1"))
			if c.ours == myvault.OpUndelete {
				do(t, s, change(myvault.OpDelete, "newsbot/a"))
			}
			fake.Requests()
			var step atomic.Int32
			fake.Break(func(r *http.Request) fakevault.Fault {
				kind := fakevault.Kind(r)
				switch {
				case kind == c.kind && r.Method == http.MethodPost && step.CompareAndSwap(0, 1):
					return fakevault.Fault{Lose: true}
				case kind == "metadata" && r.Method == http.MethodGet && step.CompareAndSwap(1, 2):
					do(t, other, change(c.undo, "newsbot/a"))
				}
				return fakevault.Fault{}
			})
			_, err := apply(t.Context(), s, change(c.ours, "newsbot/a"))
			fake.Break(nil)
			is.Equal(step.Load(), int32(2)) // the other process's change came in between
			is.True(errors.Is(err, myvault.ErrUnknownOutcome))
			is.Equal(strings.Count(strings.Join(fake.Requests(), ",")+",", "POST "+c.kind+","), 1)
			is.Equal(fmt.Sprint(states(t, s, "newsbot/a")), c.want) // as acknowledged to the other process
		})
	}
}
