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

// mark is the record of a notice.
type mark struct {
	ID      string          `json:"id"`
	Kind    Kind            `json:"kind"`
	Project string          `json:"project"`
	Path    string          `json:"path"`
	Version myvault.Version `json:"version"`
	Done    bool            `json:"done"`
	Attempt int             `json:"attempt"`
	Until   time.Time       `json:"until"` // when another process may make the call, or when to retry it
}

// noticesOf returns the notices of a version, due or not.
func noticesOf(info myvault.Info) (all []Notice) {
	for _, n := range []Notice{{Kind: Expired, Due: info.Expires}, {Kind: Rotation, Due: info.RotateAfter}} {
		if n.Due.IsZero() {
			continue
		}
		n.Secret, n.ID = info, noticeID(n.Kind, info)
		all = append(all, n)
	}
	return all
}

// noticeID returns the ID of a notice, the same on every store that holds the version.
func noticeID(kind Kind, info myvault.Info) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%s\x00%s\x00%d", kind, info.Project, info.Path, info.Version))
	return hex.EncodeToString(sum[:16])
}

// recordPath returns the path of a notice's mark, such as "expired-3/newsbot/prod/db", which
// makes trail entries readable. If that is too deep for a path, the ID replaces the address.
func recordPath(n Notice) string {
	first := fmt.Sprintf("%s-%d/", n.Kind, n.Secret.Version)
	if strings.Count(n.Secret.Path, "/")+3 > myvault.MaxDepth {
		return first + n.ID
	}
	return first + n.Secret.Address.String()
}

// handle claims a notice that is due and calls Notify. It returns when to try again, or zero if
// the notice is done.
func (w *Watcher) handle(ctx context.Context, n Notice) (retry time.Time, err error) {
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
		return m.Until, nil // claimed by another process
	}
	n.Attempt = m.Attempt
	limited, cancel := context.WithDeadline(ctx, m.Until)
	failed := w.config.Notify(limited, n)
	cancel()
	switch {
	case failed == nil:
		m.Done = true
	case ctx.Err() != nil:
		m.Until = time.Now() // Close canceled the call; the next watcher need not wait
	default:
		m.Until = time.Now().Add(w.config.Retry)
		failed = fmt.Errorf("due: %s of %s: %w", n.Kind, n.Secret.Address, failed)
	}
	// Write the mark also after Close: the call has been made.
	ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), w.config.Lease)
	defer cancel()
	_, err = w.put(ctx, w.extension, n, m, myvault.IfVersion(version))
	if m.Done && err == nil {
		return time.Time{}, nil
	}
	return m.Until, errors.Join(failed, err)
}

// claim reserves the call of Notify for this process until the lease ends. It returns the mark
// and the version of its record, which is 0 if another process has the claim. The first claim
// of a notice is the event.
func (w *Watcher) claim(ctx context.Context, n Notice) (mark, myvault.Version, error) {
	m := mark{ID: n.ID, Kind: n.Kind, Project: n.Secret.Project, Path: n.Secret.Path, Version: n.Secret.Version}
	record, err := w.extension.GetRecord(ctx, recordPath(n))
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
		return m, 0, nil // another process was faster
	}
	return m, version, err
}

func (w *Watcher) put(ctx context.Context, x *myvault.Extension, n Notice, m mark, condition myvault.Condition) (myvault.Version, error) {
	text, err := json.Marshal(m)
	if err != nil {
		return 0, fmt.Errorf("due: %w", err)
	}
	by := w.session.Via("due", n.ID)
	info, err := x.PutRecord(ctx, by, recordPath(n), myvault.Bytes(text), condition)
	return info.Version, err
}

const (
	// removeInterval is the time between two removals of marks.
	removeInterval = time.Hour
	// maxListingAge is how long a scan works with one listing. minMarkAge is greater: a mark must
	// not be removed while another process could write it again from an older listing.
	maxListingAge = time.Hour
	minMarkAge    = 24 * time.Hour
)

// removeMarks removes the marks of versions that have been replaced or destroyed: they cannot be
// due again. A deleted version keeps its marks, because it may be undeleted.
func (w *Watcher) removeMarks(ctx context.Context, now time.Time) error {
	if now.Sub(w.cleaned) < removeInterval {
		return nil
	}
	marks := make(map[string]bool) // by path; those of current versions are removed below
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
					delete(marks, recordPath(n))
				}
			}
		}
	}
	for path := range marks {
		if err := w.removeMark(ctx, path); err != nil {
			return err
		}
	}
	w.cleaned = now
	return nil
}

// removeMark removes a mark if its version has certainly been replaced or destroyed. The listing
// alone does not prove that, because the session may see only some of the secrets.
func (w *Watcher) removeMark(ctx context.Context, path string) error {
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
	if time.Since(record.At) < minMarkAge || !w.config.Prefix.Contains(addr) ||
		!w.vault.Policy().Allows(w.session.Service(), myvault.List, addr) {
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
		return nil // only the newest version matters
	}
	return nil
}
