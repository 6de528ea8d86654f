package transfer_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite"
	"github.com/myswiftagent/myvault/transfer"
)

var epoch = time.Date(2026, 11, 23, 15, 0, 0, 0, time.UTC)

// history makes random changes to a provider, each at a later time.
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
	at := epoch.Add(time.Duration(h.commits) * 12345 * time.Microsecond)
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

// apply makes a change and ignores a refusal.
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

// dump returns a line for each version and project, read by methods that Copy does not compare.
func dump(t *testing.T, p myvault.Provider) []string {
	t.Helper()
	var lines []string
	for _, deleted := range []bool{false, true} {
		for info, err := range p.List(t.Context(), myvault.ListOptions{Deleted: deleted}) {
			if err != nil {
				t.Fatal(err)
			}
			lines = append(lines, dumpSecret(t, p, info.Address)...)
		}
	}
	slices.Sort(lines)
	for project, err := range p.Projects(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, fmt.Sprintf("%+v", project))
	}
	return lines
}

func dumpSecret(t *testing.T, p myvault.Provider, addr myvault.Address) (lines []string) {
	t.Helper()
	for info, err := range p.Versions(t.Context(), addr, 0) {
		if err != nil {
			t.Fatal(err)
		}
		secret, err := p.Get(t.Context(), addr, info.Version)
		lines = append(lines, fmt.Sprintf("%v by %s at %v until %v or %v: %q %v", info, info.By, info.At, info.Expires, info.RotateAfter, secret.Value.Reveal(), err))
	}
	return lines
}

// undeleted undeletes all it can and returns dump.
func undeleted(t *testing.T, p myvault.Provider) []string {
	t.Helper()
	var gone []myvault.Address
	for info, err := range p.List(t.Context(), myvault.ListOptions{Deleted: true}) {
		if err != nil {
			t.Fatal(err)
		}
		gone = append(gone, info.Address)
	}
	for _, addr := range gone {
		_, err := p.Apply(t.Context(), myvault.Commit{By: "test", At: epoch, Changes: []myvault.Change{{Op: myvault.OpUndelete, Address: addr}}})
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

// oneByOne is a provider that makes one change at a time, without a trail or an archive.
type oneByOne struct{ myvault.Provider }

func (p oneByOne) Apply(ctx context.Context, c myvault.Commit) ([]myvault.Info, error) {
	if len(c.Changes) > 1 {
		return nil, errors.ErrUnsupported
	}
	return p.Provider.Apply(ctx, c)
}

var options = transfer.Options{By: "operator", DigestKey: []byte("fixed"), Parallel: 8}
