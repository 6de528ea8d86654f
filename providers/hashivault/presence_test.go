package hashivault_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/internal/vaultserver"
	"github.com/myswiftagent/myvault/providers/hashivault"
	"github.com/myswiftagent/myvault/providers/hashivault/internal/fakevault"
)

// registered returns the names of the projects.
func registered(t *testing.T, s *hashivault.Store) (names []string) {
	t.Helper()
	is := is.New(t)
	for p, err := range s.Projects(t.Context(), "") {
		is.NoErr(err)
		names = append(names, p.Name)
	}
	return names
}

// TestDeletingAProjectBesideAnotherProcess: two stores play two processes. While one deletes a
// project, the other puts a secret into it, because it has seen it registered. In every order,
// a live secret ends in a registered project.
func TestDeletingAProjectBesideAnotherProcess(t *testing.T) {
	onBoth(t, func(t *testing.T, server *vaultserver.Server) {
		config := fresh(server.Address, server.Token)
		a, b := opened(t, config), opened(t, config)
		var all sync.WaitGroup
		for round := range 12 {
			all.Go(func() {
				name := fmt.Sprintf("project-%d", round)
				_, err := apply(t.Context(), a, ofProject(myvault.OpPutProject, name))
				if err == nil {
					_, err = apply(t.Context(), b, put(name+"/seen", "1"))
				}
				if err == nil {
					_, err = apply(t.Context(), b, change(myvault.OpDelete, name+"/seen"))
				}
				if err != nil {
					t.Error(err)
					return
				}
				var both sync.WaitGroup
				both.Go(func() { _, _ = apply(t.Context(), a, ofProject(myvault.OpDeleteProject, name)) })
				time.Sleep(time.Duration(round) * 60 * time.Millisecond) // before, in and after the deletion
				if _, err := apply(t.Context(), b, put(name+"/a", "1")); err != nil {
					t.Error(err)
				}
				both.Wait()
			})
		}
		all.Wait()
		is := is.New(t)
		is.Equal(len(registered(t, a)), 12)
		live := 0
		for _, err := range b.List(t.Context(), myvault.ListOptions{}) {
			is.NoErr(err)
			live++
		}
		is.Equal(live, 12)
	})
}

// TestASlowPutBesideADeletion: a Put that takes longer than presenceTTL looks at the
// registration again. If the project is gone, it registers it anew.
func TestASlowPutBesideADeletion(t *testing.T) {
	inBubble(t, func(t *testing.T, fake *fakevault.Vault, config hashivault.Config) {
		is := is.New(t)
		a, b := opened(t, config), opened(t, config)
		do(t, b, ofProject(myvault.OpPutProject, "newsbot"))
		fake.Break(once("POST data", fakevault.Fault{Before: 1500 * time.Millisecond}))
		var slow sync.WaitGroup
		var err error
		slow.Go(func() { _, err = apply(t.Context(), b, put("newsbot/a", "1")) })
		time.Sleep(50 * time.Millisecond)
		do(t, a, ofProject(myvault.OpDeleteProject, "newsbot"))
		is.Equal(registered(t, a), nil)
		slow.Wait()
		is.NoErr(err)
		is.Equal(registered(t, a), []string{"newsbot"})
	})
}

// TestAPutThatMeetsADeletion: a Put that finds its project being deleted cancels the deletion
// before it writes, because the deleter may already have checked that the project is empty.
func TestAPutThatMeetsADeletion(t *testing.T) {
	inBubble(t, func(t *testing.T, fake *fakevault.Vault, config hashivault.Config) {
		is := is.New(t)
		a, b := opened(t, config), opened(t, config)
		do(t, a, ofProject(myvault.OpPutProject, "newsbot"))
		fake.Break(func(r *http.Request) fakevault.Fault {
			if r.Method == http.MethodPost && strings.Contains(r.URL.Path, "/secrets/") {
				return fakevault.Fault{Before: 300 * time.Millisecond}
			}
			return fakevault.Fault{}
		})
		var deleting sync.WaitGroup
		var err error
		deleting.Go(func() { _, err = apply(t.Context(), a, ofProject(myvault.OpDeleteProject, "newsbot")) })
		time.Sleep(450 * time.Millisecond) // the deleter lists the secrets at 600
		do(t, b, put("newsbot/a", "1"))
		deleting.Wait()
		is.True(errors.Is(err, myvault.ErrNotEmpty))
		is.Equal(registered(t, b), []string{"newsbot"})
	})
}

// TestADeletionThatWasLeft: if a process dies while it deletes a project, the project stays
// registered. Another process may delete it or use it.
func TestADeletionThatWasLeft(t *testing.T) {
	inBubble(t, func(t *testing.T, fake *fakevault.Vault, config hashivault.Config) {
		is := is.New(t)
		a := opened(t, config)
		do(t, a, ofProject(myvault.OpPutProject, "newsbot"), ofProject(myvault.OpPutProject, "common"))
		for _, name := range []string{"newsbot", "common"} {
			ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			_, err := apply(ctx, a, ofProject(myvault.OpDeleteProject, name))
			cancel()
			is.True(errors.Is(err, context.DeadlineExceeded))
		}
		left := `{"data":{"description":"","by":"commonUI","at":"2026-11-23T15:04:05.123456Z","state":"leaving","id":"X","change":{"x":""}}}`
		for _, name := range []string{"newsbot", "common"} {
			r := httptest.NewRequest("POST", "/v1/secret/data/"+config.Base+"/projects/"+name, strings.NewReader(left))
			r.Header.Set("X-Vault-Token", fake.Token)
			fake.ServeHTTP(httptest.NewRecorder(), r)
		}
		b := opened(t, config)
		is.Equal(registered(t, b), []string{"common", "newsbot"})
		do(t, b, put("newsbot/a", "1"), ofProject(myvault.OpDeleteProject, "common"))
		is.Equal(registered(t, b), []string{"newsbot"})
		_, err := apply(t.Context(), b, ofProject(myvault.OpDeleteProject, "newsbot"))
		is.True(errors.Is(err, myvault.ErrNotEmpty))
	})
}

// TestOnceBetweenProcesses: changes with one of Vault's own conditions are exact between
// processes too.
func TestOnceBetweenProcesses(t *testing.T) {
	onBoth(t, func(t *testing.T, server *vaultserver.Server) {
		is := is.New(t)
		config := fresh(server.Address, server.Token)
		stores := []*hashivault.Store{opened(t, config), opened(t, config), opened(t, config)}
		is.Equal(stores[0].Incarnation(), stores[1].Incarnation())
		count := func(c func(i int) myvault.Change, lost error) (won int) {
			errs := make([]error, 18)
			var all sync.WaitGroup
			for i := range errs {
				all.Go(func() { _, errs[i] = apply(t.Context(), stores[i%3], c(i)) })
			}
			all.Wait()
			for _, err := range errs {
				if err == nil {
					won++
				} else if !errors.Is(err, lost) {
					t.Error(err)
				}
			}
			return won
		}
		is.Equal(count(func(i int) myvault.Change { return put("newsbot/a", fmt.Sprint(i), myvault.IfAbsent()) }, myvault.ErrExists), 1)
		is.Equal(count(func(i int) myvault.Change { return put("newsbot/a", fmt.Sprint(i), myvault.IfVersion(1)) }, myvault.ErrConflict), 1)
		is.Equal(count(func(i int) myvault.Change {
			c := ofProject(myvault.OpPutProject, "common")
			c.If = myvault.IfAbsent()
			return c
		}, myvault.ErrExists), 1)
		is.Equal(count(func(i int) myvault.Change { return put("newsbot/b", fmt.Sprint(i)) }, nil), 18)
		is.Equal(len(states(t, stores[2], "newsbot/b")), 18)
	})
}
