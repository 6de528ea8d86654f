// Package usage reports when each secret was last read and by which service.
//
//	index, err := usage.New(vault)
//	page, err := index.Page(ctx, vault.As("auditor"), usage.Options{UnusedSince: lastYear}, 100)
//
// It learns this from the trail, so it knows nothing older than the trail's oldest entry, and
// nothing of reads by vaults that record none. A program needs one [Index] for each vault.
package usage

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/myswiftagent/myvault"
)

// Secret is a secret without its value, and its last read.
type Secret struct {
	myvault.Info
	LastRead time.Time // of any version; zero: not since Page.Since
	ReadBy   string    // the service
}

// Options selects secrets.
type Options struct {
	Prefix myvault.Prefix
	After  myvault.Address // exclusive, from Page.Next
	// UnusedSince selects only the secrets that were not read at this time or later. Zero: all.
	UnusedSince time.Time
}

// Page is a part of the selected secrets. While More is true, the next page begins after Next.
type Page struct {
	myvault.Page[Secret, myvault.Address]
	// Since is the time from which every read is known: that of the oldest entry of the trail,
	// which may have been pruned. A secret without LastRead may have been read before. Zero if
	// the trail has no entry, and as long as the index is incomplete.
	Since time.Time
}

// New returns an empty index of the last reads of a vault's secrets. A nil vault is ErrInvalid.
func New(vault *myvault.Vault) (*Index, error) {
	if vault == nil {
		return nil, fmt.Errorf("usage: %w: an index needs a vault", myvault.ErrInvalid)
	}
	extension, err := vault.Extend("usage")
	if err != nil {
		return nil, err
	}
	return newIndex(extension), nil
}

// errIncomplete ends a page while entries of the trail remain to be read.
var errIncomplete = errors.New("index incomplete")

// Page returns up to limit (1 to 1000) of the live secrets that s may audit, and when each was
// last read. Reads by [myvault.Session.GetPage] and reads answered "not modified" count; listings
// do not. One call reads at most 10,000 entries of the trail and looks at as many secrets that s
// may audit and as many others. If more entries were written since the last call, or the index
// is new, pages are empty and have More set until all are read.
//
// Reads by other processes that share the trail count once their entries are written, which with
// [myvault.ReadsRelaxed] is 50 ms later. [errors.ErrUnsupported] if the vault does not record
// reads.
func (x *Index) Page(ctx context.Context, s *myvault.Session, o Options, limit int) (Page, error) {
	locked := false
	prepare := func() error {
		if err := x.lock(ctx); err != nil {
			return err
		}
		locked = true
		complete, err := x.update(ctx)
		if err == nil && !complete {
			err = errIncomplete
		}
		return err
	}
	defer func() {
		if locked {
			x.unlock()
		}
	}()
	infos, err := x.extension.AuditPage(ctx, s, myvault.ListOptions{Prefix: o.Prefix, After: o.After}, limit, prepare, func(info myvault.Info) bool {
		return o.UnusedSince.IsZero() || x.lastRead(info).LastRead.Before(o.UnusedSince)
	})
	page := Page{Page: myvault.Page[Secret, myvault.Address]{Next: infos.Next, More: infos.More}}
	switch {
	case errors.Is(err, errIncomplete):
		page.Next, page.More = o.After, true
		return page, nil
	case err != nil || !locked: // denied everywhere: the answer is empty
		return page, err
	}
	page.Since = x.since()
	for _, info := range infos.Items {
		page.Items = append(page.Items, x.lastRead(info))
	}
	return page, nil
}
