package hashivault_test

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/hashivault"
	"github.com/myswiftagent/myvault/providers/hashivault/internal/fakevault"
)

// watched opens a store that polls seldom, so that a test decides what is between two polls: each
// Watch polls once.
func watched(t *testing.T, server *fakevault.Vault, config hashivault.Config) *hashivault.Store {
	t.Helper()
	config.WatchInterval = time.Hour
	s, err := hashivault.Open(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func watchFrom(t *testing.T, s *hashivault.Store, after myvault.Position) myvault.Feed {
	t.Helper()
	f, err := s.Watch(t.Context(), myvault.Prefix{Project: "p"}, after)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Close)
	return f
}

func changeNow(t *testing.T, s *hashivault.Store, op myvault.Op, path string) {
	t.Helper()
	c := myvault.Change{Op: op, Address: myvault.Address{Project: "p", Path: path}}
	if op == myvault.OpPut {
		c.Value = myvault.Text("v")
	}
	if _, err := s.Apply(t.Context(), myvault.Commit{By: "tester", At: time.Now(), Changes: []myvault.Change{c}}); err != nil {
		t.Fatal(err)
	}
}

// eventsOf returns what is ready, as text.
func eventsOf(t *testing.T, f myvault.Feed) string {
	t.Helper()
	events, err := f.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, e := range events {
		lines = append(lines, fmt.Sprint(e.Changes[0], " by ", e.By))
	}
	return strings.Join(lines, ", ")
}

func TestWatchHasTheNewestState(t *testing.T) {
	is := is.New(t)
	server := fakevault.New(t)
	config := fresh(server.Address, server.Token)
	s, other := watched(t, server, config), watched(t, server, config)
	changeNow(t, s, myvault.OpPut, "a")
	f := watchFrom(t, s, "")
	changeNow(t, other, myvault.OpPut, "b")
	changeNow(t, other, myvault.OpPut, "a")
	changeNow(t, other, myvault.OpPut, "a")
	watchFrom(t, s, "") // polls
	is.Equal(eventsOf(t, f), "p/b version 1 live by tester, p/a version 3 live by tester")
	changeNow(t, other, myvault.OpDelete, "a")
	watchFrom(t, s, "")
	is.Equal(eventsOf(t, f), "p/a version 3 deleted by ") // Vault does not know who did it
	changeNow(t, other, myvault.OpUndelete, "a")
	changeNow(t, other, myvault.OpDestroy, "b")
	watchFrom(t, s, "")
	is.Equal(len(strings.Split(eventsOf(t, f), ", ")), 2)
	watchFrom(t, s, "")
	is.Equal(eventsOf(t, f), "")
}

// A position stays valid while nobody watches, and in no other process.
func TestWatchResumes(t *testing.T) {
	is := is.New(t)
	server := fakevault.New(t)
	config := fresh(server.Address, server.Token)
	s := watched(t, server, config)
	f := watchFrom(t, s, "")
	position := f.Position()
	f.Close()
	changeNow(t, s, myvault.OpPut, "a")
	is.Equal(eventsOf(t, watchFrom(t, s, position)), "p/a version 1 live by tester")
	_, err := watched(t, server, config).Watch(t.Context(), myvault.Prefix{Project: "p"}, position)
	is.True(errors.Is(err, myvault.ErrStalePosition))
	_, err = s.Watch(t.Context(), myvault.Prefix{Project: "other"}, position)
	is.True(errors.Is(err, myvault.ErrStalePosition))
}

// Polling goes on while Vault is away for a short time. Then the feeds end.
func TestWatchEndsWithoutVault(t *testing.T) {
	is := is.New(t)
	server := fakevault.New(t)
	config := fresh(server.Address, server.Token)
	config.WatchInterval = time.Millisecond
	s, err := hashivault.Open(t.Context(), config)
	is.NoErr(err)
	defer s.Close()
	f := watchFrom(t, s, "")
	server.Seal(true)
	<-f.Ready()
	_, err = f.Next(t.Context())
	is.True(errors.Is(err, myvault.ErrUnavailable))
	server.Seal(false)
	is.Equal(eventsOf(t, watchFrom(t, s, "")), "")
}

func TestWatchLeavesNoGoroutine(t *testing.T) {
	is := is.New(t)
	server := fakevault.New(t)
	s := watched(t, server, fresh(server.Address, server.Token))
	f := watchFrom(t, s, "")
	other := watchFrom(t, s, "")
	is.True(strings.Contains(stacks(), ").run("))
	f.Close()
	other.Close()
	is.True(!strings.Contains(stacks(), "(*poller).run"))
	f = watchFrom(t, s, "")
	ready := f.Ready()
	is.NoErr(s.Close())
	<-ready
	_, err := f.Next(t.Context())
	is.True(errors.Is(err, myvault.ErrClosed))
	f.Close()
	is.True(!strings.Contains(stacks(), "(*poller).run"))
}

func stacks() string {
	b := make([]byte, 1<<20)
	return string(b[:runtime.Stack(b, true)])
}
