package watch_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite"
	"github.com/myswiftagent/myvault/tokens"
)

// jobs are what the test binary does when it starts itself as another process.
var jobs = map[string]func(context.Context, *myvault.Vault, string) error{"write": writeForever, "watch": watchForever}

const jobVariable = "MYVAULT_WATCH_TEST_JOB"

func TestMain(m *testing.M) {
	job := jobs[os.Getenv(jobVariable)]
	if job == nil {
		os.Exit(m.Run())
	}
	if err := runJob(job); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// runJob reads the key, the directory and an argument from standard input.
func runJob(job func(context.Context, *myvault.Vault, string) error) error {
	var text, dir, argument string
	if _, err := fmt.Scanln(&text, &dir, &argument); err != nil {
		return err
	}
	key, err := crypto.ParseKey(text)
	if err != nil {
		return err
	}
	v, err := openVault(context.Background(), dir, key)
	if err != nil {
		return err
	}
	return errors.Join(job(context.Background(), v, argument), v.Close())
}

func openVault(ctx context.Context, dir string, key crypto.Key) (*myvault.Vault, error) {
	s, err := sqlite.Open(ctx, dir, sqlite.StaticKey(key), sqlite.Config{})
	if err != nil {
		return nil, err
	}
	return myvault.New(s, policyOf("p/"), myvault.Config{Reads: myvault.ReadsOff})
}

// policyOf returns a policy of root, and of svc with these rules.
func policyOf(rules ...string) *myvault.Policy {
	parsed := func(texts ...string) (all []myvault.Rule) {
		for _, text := range texts {
			rule, err := myvault.ParseRule(text)
			if err != nil {
				panic(err)
			}
			all = append(all, rule)
		}
		return all
	}
	p, err := myvault.NewPolicy(myvault.Service{Name: "root", Allow: parsed("*/", "*/@audit")},
		myvault.Service{Name: "svc", Tokens: []string{"svc-token-0123456789"}, Allow: parsed(rules...)})
	if err != nil {
		panic(err)
	}
	return p
}

// writeForever writes left-N and right-N in one commit, again and again.
func writeForever(ctx context.Context, v *myvault.Vault, n string) error {
	for {
		if _, err := v.As("root").Apply(ctx, put("left-"+n), put("right-"+n)); err != nil && !errors.Is(err, myvault.ErrUnavailable) {
			return err
		}
		time.Sleep(time.Millisecond)
	}
}

// watchForever prints each event after a position as JSON, in one write.
func watchForever(ctx context.Context, v *myvault.Vault, after string) error {
	s := v.As("root")
	for e, err := range s.Watch(ctx, myvault.WatchOptions{After: myvault.Position(after), BookmarkInterval: 10 * time.Millisecond}) {
		if err != nil {
			return err
		}
		visible := true
		for _, c := range e.Changes {
			now, err := s.Get(ctx, c.Address)
			if err != nil {
				return err
			}
			visible = visible && now.Version >= c.Version
		}
		printed, err := seenOf(e, v.Incarnation(), visible)
		if err != nil {
			return err
		}
		line, err := json.Marshal(printed)
		if err != nil {
			return err
		}
		if _, err := os.Stdout.Write(append(line, '\n')); err != nil {
			return err
		}
	}
	return nil
}

// process runs a job until it is killed with kill -9, and returns the whole lines that it printed.
func process(ctx context.Context, job, dir string, key crypto.Key, argument string) (lines []string, err error) {
	cmd := exec.CommandContext(ctx, os.Args[0]) // the end of ctx kills it
	cmd.Env = append(os.Environ(), jobVariable+"="+job)
	cmd.Stdin = strings.NewReader(key.Text() + " " + dir + " " + argument + "\n")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	for r := bufio.NewReader(out); ; {
		line, err := r.ReadString('\n')
		if err != nil {
			break // the rest may be half a line
		}
		lines = append(lines, line)
	}
	err = cmd.Wait()
	if ctx.Err() == nil {
		return lines, fmt.Errorf("%s ended on its own: %w", job, err)
	}
	return lines, nil
}

// killed runs a job for some time, and again until ctx ends.
func killed(ctx context.Context, run func(context.Context) error) error {
	for ctx.Err() == nil {
		short, cancel := context.WithTimeout(ctx, time.Duration(200+rand.IntN(600))*time.Millisecond)
		err := run(short)
		cancel()
		if err != nil {
			return err
		}
	}
	return nil
}

// Four processes write and four watch; each is killed with kill -9 again and again. The
// recorded events keep every guarantee, to the last change.
func TestHistories(t *testing.T) {
	is := is.New(t)
	const each = 4
	dir, key := t.TempDir(), crypto.NewKey()
	v, err := openVault(t.Context(), dir, key)
	is.NoErr(err)
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
	defer cancel()
	histories := make([]history, each)
	errs := make(chan error, 2*each)
	var all sync.WaitGroup
	for n := range each {
		all.Go(func() {
			errs <- killed(ctx, func(ctx context.Context) error {
				_, err := process(ctx, "write", dir, key, fmt.Sprint(n))
				return err
			})
		})
		all.Go(func() {
			errs <- killed(ctx, func(ctx context.Context) error { return histories[n].record(ctx, dir, key, v.Incarnation()) })
		})
	}
	all.Wait()
	for range 2 * each {
		is.NoErr(<-errs)
	}
	chain := chainOf(t, v)
	for n, h := range histories {
		h.chain = chain
		is.NoErr(h.finish(t.Context(), dir, key, v.Incarnation()))
		events := 0
		for _, r := range h.runs {
			events += len(r)
		}
		t.Logf("watcher %d: %d events and bookmarks in %d runs, of %d changes", n, events, len(h.runs), len(chain))
		is.NoErr(h.check())
		is.True(len(h.runs) > 1)
		is.True(events > 20)
	}
	is.NoErr(v.Close())
}

// end returns the position after the last event that was seen.
func (h *history) end() uint64 {
	if len(h.runs) == 0 {
		return h.start
	}
	last := h.runs[len(h.runs)-1]
	return last[len(last)-1].Position
}

// finish runs watchers until they have seen the end of the chain, which no longer grows.
func (h *history) finish(ctx context.Context, dir string, key crypto.Key, incarnation string) error {
	for range 30 {
		if h.end() == uint64(len(h.chain)) {
			return nil
		}
		ctx, cancel := context.WithTimeout(ctx, time.Second)
		err := h.record(ctx, dir, key, incarnation)
		cancel()
		if err != nil {
			return err
		}
	}
	return fmt.Errorf("reliable: the last event was at %d of %d changes", h.end(), len(h.chain))
}

// record runs a watcher from the end of the last run on, and adds what it saw.
func (h *history) record(ctx context.Context, dir string, key crypto.Key, incarnation string) error {
	lines, err := process(ctx, "watch", dir, key, string(myvault.PositionAfter(incarnation, h.end())))
	if err != nil || len(lines) == 0 {
		return err
	}
	var r run
	for _, line := range lines {
		var e seen
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			return err
		}
		r = append(r, e)
	}
	h.runs = append(h.runs, r)
	return nil
}

// chainOf returns the chain of changes, the oldest first.
func chainOf(t *testing.T, v *myvault.Vault) (chain []string) {
	t.Helper()
	for e, err := range v.As("root").Trail(t.Context(), myvault.TrailFilter{Before: myvault.Cursor{myvault.ChainAccess: 1}}) {
		if err != nil {
			t.Fatal(err)
		}
		chain = append([]string{fmt.Sprintf("%s version %d live", e.Address, e.Version)}, chain...)
	}
	return chain
}

// While other processes write, the policy changes and the token of a watcher is revoked. Each event
// has only what the policy in force allows, and there is none after the token is revoked.
func TestRightsChangeInMidStream(t *testing.T) {
	is := is.New(t)
	dir, key := t.TempDir(), crypto.NewKey()
	v, err := openVault(t.Context(), dir, key)
	is.NoErr(err)
	ctx, cancel := context.WithCancel(t.Context())
	var writers sync.WaitGroup
	for n := range 3 {
		writers.Go(func() {
			if err := killed(ctx, func(ctx context.Context) error {
				_, err := process(ctx, "write", dir, key, fmt.Sprint(n))
				return err
			}); err != nil {
				t.Error(err)
			}
		})
	}
	issuer, err := tokens.New(v, tokens.Config{})
	is.NoErr(err)
	owner, err := v.Login(t.Context(), myvault.Credentials{Service: "svc", Token: "svc-token-0123456789"})
	is.NoErr(err)
	rule, err := myvault.ParseRule("p/@list")
	is.NoErr(err)
	token, err := issuer.Mint(t.Context(), owner, tokens.Grant{Rules: []myvault.Rule{rule}})
	is.NoErr(err)
	s, err := issuer.Login(t.Context(), tokens.Credentials{Bearer: token.Bearer.Reveal()})
	is.NoErr(err)

	sides, events, revoked := 2, 0, false
	for e, err := range s.Watch(t.Context(), myvault.WatchOptions{}) {
		if revoked {
			is.True(errors.Is(err, myvault.ErrUnauthenticated)) // no event after the token was revoked
			break
		}
		is.NoErr(err)
		for _, c := range e.Changes {
			if sides == 1 && strings.HasPrefix(c.Path, "left") {
				t.Fatalf("%v was delivered when the policy did not allow it", c)
			}
		}
		if len(e.Changes) == 0 {
			continue
		}
		is.Equal(len(e.Changes)%sides, 0)
		switch events++; {
		case events == 100:
			is.NoErr(issuer.Revoke(t.Context(), owner, token.ID))
			revoked = true
		case events%10 == 0:
			sides = 3 - sides
			is.NoErr(v.SetPolicy(policyOf(map[int][]string{1: {"p/right-0", "p/right-1", "p/right-2"}, 2: {"p/"}}[sides]...)))
		}
	}
	is.True(revoked)
	cancel()
	writers.Wait()
	is.NoErr(v.Close())
}
