package due

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/myswiftagent/myvault"
)

// mark is what the vault's records remember of a notice.
type mark struct {
	ID      string          `json:"id"`
	Kind    Kind            `json:"kind"`
	Project string          `json:"project"`
	Path    string          `json:"path"`
	Version myvault.Version `json:"version"`
	Done    bool            `json:"done"`
	Attempt int             `json:"attempt"`
	Until   time.Time       `json:"until"` // until then the call is somebody's, or not to be made
}

// noticesOf gives the notices that a version has, or will have.
func noticesOf(info myvault.Info) (all []Notice) {
	for _, n := range []Notice{{Kind: Expired, Due: info.Expires}, {Kind: Rotation, Due: info.RotateAfter}} {
		if n.Due.IsZero() {
			continue
		}
		n.Secret, n.ID = info, identify(n.Kind, info)
		all = append(all, n)
	}
	return all
}

// identify names a notice, the same on every store that holds the version.
func identify(kind Kind, info myvault.Info) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%s\x00%s\x00%d", kind, info.Project, info.Path, info.Version))
	return hex.EncodeToString(sum[:16])
}

// place is the path of a notice's record: "expired-3/newsbot/prod/db", so that its entry can be
// read. Where that would be too deep for a path, the ID stands for the address.
func place(n Notice) string {
	first := fmt.Sprintf("%s-%d/", n.Kind, n.Secret.Version)
	if strings.Count(n.Secret.Path, "/")+3 > myvault.MaxDepth {
		return first + n.ID
	}
	return first + n.Secret.Address.String()
}

// attend sees to a notice whose time has come. again is when to look at it again, zero when
// it is done.
func (w *Watcher) attend(ctx context.Context, n Notice) (again time.Time, err error) {
	if w.done[n.ID] {
		return time.Time{}, nil
	}
	m, version, err := w.claim(ctx, n)
	switch {
	case err != nil:
		return time.Now().Add(w.config.Scan), err
	case m.Done:
		return time.Time{}, nil
	case version == 0:
		return m.Until, nil // somebody else's
	}
	n.Attempt = m.Attempt
	limited, cancel := context.WithDeadline(ctx, m.Until)
	failed := w.config.Notify(limited, n)
	cancel()
	switch {
	case failed == nil:
		m.Done = true
	case ctx.Err() != nil:
		m.Until = time.Now() // the program ends; the next one need not wait
	default:
		m.Until = time.Now().Add(w.config.Retry)
		failed = fmt.Errorf("due: %s of %s: %w", n.Kind, n.Secret.Address, failed)
	}
	// What was called was called, also where the program ends just now.
	ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), w.config.Lease)
	defer cancel()
	_, err = w.put(ctx, w.extension, n, m, myvault.IfVersion(version))
	if m.Done && err == nil {
		return time.Time{}, nil
	}
	return m.Until, errors.Join(failed, err)
}

// claim makes the notice this process's until the lease ends, and gives the version of the record
// that says so. The first claim of all is the event. Where the notice is another's, the version is 0.
func (w *Watcher) claim(ctx context.Context, n Notice) (mark, myvault.Version, error) {
	m := mark{ID: n.ID, Kind: n.Kind, Project: n.Secret.Project, Path: n.Secret.Path, Version: n.Secret.Version}
	record, err := w.extension.GetRecord(ctx, place(n))
	x, condition := w.extension.RecordAs(string(n.Kind)), myvault.IfAbsent()
	switch {
	case err == nil:
		if err := json.Unmarshal(record.Value.RevealBytes(), &m); err != nil {
			return m, 0, fmt.Errorf("due: the mark of %s is malformed: %w", n.ID, err)
		}
		if m.Done || m.Until.After(time.Now()) {
			return m, 0, nil
		}
		x, condition = w.extension, myvault.IfVersion(record.Version)
	case !errors.Is(err, myvault.ErrNotFound):
		return m, 0, err
	}
	m.Attempt++
	m.Until = time.Now().Add(w.config.Lease)
	version, err := w.put(ctx, x, n, m, condition)
	if errors.Is(err, myvault.ErrExists) || errors.Is(err, myvault.ErrConflict) || errors.Is(err, myvault.ErrNotFound) {
		return m, 0, nil // another was faster
	}
	return m, version, err
}

func (w *Watcher) put(ctx context.Context, x *myvault.Extension, n Notice, m mark, condition myvault.Condition) (myvault.Version, error) {
	text, err := json.Marshal(m)
	if err != nil {
		return 0, fmt.Errorf("due: %w", err)
	}
	by := w.session.Via("due", n.ID)
	info, err := x.PutRecord(ctx, by, place(n), myvault.Bytes(text), condition)
	return info.Version, err
}

const (
	// cleanEvery is how often marks are looked through.
	cleanEvery = time.Hour
	// stale is the age at which a listing is given up, and keep that which a mark must reach before it goes:
	// nobody may still be about to make it from a listing of before.
	stale = time.Hour
	keep  = 24 * time.Hour
)

// clean removes the marks of versions that are no longer the newest, or are destroyed: they can not be
// due again. A deleted version keeps its marks, for it may come back.
func (w *Watcher) clean(ctx context.Context, now time.Time) error {
	if now.Sub(w.cleaned) < cleanEvery {
		return nil
	}
	marks := make(map[string]bool) // by place, those of no version that is there
	for info, err := range w.extension.ListRecords(ctx, "", "") {
		if err != nil {
			return err
		}
		marks[info.Path] = true
	}
	for _, deleted := range []bool{false, true} {
		for info, err := range w.session.List(ctx, myvault.ListOptions{Prefix: w.config.Prefix, Deleted: deleted}) {
			if err != nil {
				return err
			}
			for _, n := range noticesOf(info) {
				if info.State != myvault.Destroyed {
					delete(marks, place(n))
				}
			}
		}
	}
	for path := range marks {
		if err := w.forget(ctx, path); err != nil {
			return err
		}
	}
	w.cleaned = now
	return nil
}

// forget removes a mark if its version is certainly past: a session may see a part only.
func (w *Watcher) forget(ctx context.Context, path string) error {
	record, err := w.extension.GetRecord(ctx, path)
	if errors.Is(err, myvault.ErrNotFound) {
		return nil // another process was faster
	}
	var m mark
	if err == nil {
		err = json.Unmarshal(record.Value.RevealBytes(), &m)
	}
	if err != nil {
		return err
	}
	addr := myvault.Address{Project: m.Project, Path: m.Path}
	if time.Since(record.At) < keep || !w.config.Prefix.Contains(addr) || !w.vault.Policy().Allows(w.session.Service(), myvault.List, addr) {
		return nil
	}
	for info, err := range w.session.Versions(ctx, addr) {
		switch {
		case errors.Is(err, myvault.ErrDenied):
			return nil
		case err != nil:
			return err
		case info.Version > m.Version || info.State == myvault.Destroyed:
			err = w.extension.DestroyRecord(ctx, w.session.Via("due", m.ID), path)
			if errors.Is(err, myvault.ErrNotFound) {
				err = nil
			}
			return err
		}
		return nil // the newest is all that matters
	}
	return nil
}
