package sqlite

import (
	"bytes"
	"context"
	"fmt"

	"github.com/ncruces/go-sqlite3"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
)

// Verify proves a trail that stands alone, as [Store.Verify] does a store: its schema and keys, every
// entry from where it was pruned, and the pages of its file. An earlier head of its chain proves that it was
// not cut short; one of another chain is [myvault.ErrInvalid].
func (t *Trail) Verify(ctx context.Context, earlier ...myvault.Head) (Report, error) {
	v := &verification{Store: &Store{trail: t}}
	for _, h := range earlier {
		if h.Chain != myvault.ChainAccess {
			return v.report, fmt.Errorf("%w head: a trail has no chain but that of %s", myvault.ErrInvalid, myvault.ChainAccess)
		}
	}
	for _, step := range []func(context.Context) error{v.trailStructure, v.accesses, t.file.integrity} {
		if err := step(ctx); err != nil {
			return v.report, err
		}
	}
	compared, err := v.compareWith(ctx, earlier)
	if err != nil {
		return v.report, err
	}
	v.report.TruncationChecked = compared[myvault.ChainAccess]
	v.report.Heads, err = t.Heads(ctx)
	return v.report, err
}

// accesses proves the chain of accesses, from where it was pruned.
func (v *verification) accesses(ctx context.Context) error {
	end := link{mac: crypto.Genesis()}
	for more := true; more; {
		err := v.trail.readers.snapshot(ctx, func(c *conn) error {
			var err error
			// It may be pruned meanwhile.
			if v.pruned, err = v.access.pruned(c); err != nil {
				return err
			}
			if err = c.gone(v.pruned.seq); err != nil {
				return err
			}
			if v.pruned.seq > end.seq {
				end = v.pruned
			}
			before := end.seq
			err = c.each(`SELECT `+entryColumns+` FROM entry l WHERE l.seq > ?1 ORDER BY l.seq LIMIT ?2`,
				func(row *sqlite3.Stmt) (err error) {
					e := scanEntry(row)
					if end, err = end.followed(&e, v.access); err == nil {
						v.report.Accesses++
					}
					return err
				}, before, page)
			more = end.seq-before == page
			return err
		})
		if err != nil {
			return err
		}
	}
	v.report.Pruned = v.pruned.seq
	return nil
}

// gone proves that the entries up to one are not there: nothing holds what was pruned.
func (c *conn) gone(upTo uint64) error {
	return c.each(`SELECT seq FROM entry WHERE seq <= ?1 LIMIT 1`, func(row *sqlite3.Stmt) error {
		return &BadEntry{Chain: myvault.ChainAccess, Seq: uint64(row.ColumnInt64(0)), Reason: "it was pruned and is there again"}
	}, upTo)
}

// compare holds the chains against earlier heads and takes the present ones.
func (v *verification) compare(ctx context.Context, earlier []myvault.Head) (err error) {
	compared, err := v.compareWith(ctx, earlier)
	if err != nil {
		return err
	}
	v.report.TruncationChecked = compared[myvault.ChainChanges] && compared[myvault.ChainAccess]
	v.report.Heads, err = v.Heads(ctx)
	return err
}

// compareWith gives the chains of which a head was compared.
func (v *verification) compareWith(ctx context.Context, earlier []myvault.Head) (compared map[string]bool, err error) {
	compared = map[string]bool{}
	for _, h := range earlier {
		// The link at which the chain was pruned is still known, those before it are not.
		if h.Chain == myvault.ChainAccess && h.Seq != 0 && h.Seq < v.pruned.seq {
			v.report.NotComparable = append(v.report.NotComparable, h)
			continue
		}
		if err := v.contains(ctx, h); err != nil {
			return nil, err
		}
		compared[h.Chain] = true
	}
	return compared, nil
}

// contains proves that a chain still has an entry that it once had.
func (v *verification) contains(ctx context.Context, h myvault.Head) error {
	var of *file
	var query string
	switch h.Chain {
	case myvault.ChainChanges:
		of, query = v.file, `SELECT mac FROM log WHERE seq = ?1`
	case myvault.ChainAccess:
		of, query = v.trail.file, `SELECT mac FROM entry WHERE seq = ?1 UNION ALL SELECT link FROM pruned WHERE seq = ?1`
	default:
		return fmt.Errorf("%w head: there is no such chain", myvault.ErrInvalid)
	}
	if h.Seq == 0 {
		return nil // every chain goes on from nothing
	}
	reason := "the chain was cut short before it"
	err := of.readers.read(ctx, func(c *conn) error {
		return c.each(query, func(row *sqlite3.Stmt) error {
			reason = "it is not the one that was there before"
			if bytes.Equal(row.ColumnRawBlob(0), h.MAC) {
				reason = ""
			}
			return nil
		}, h.Seq)
	})
	if err == nil && reason != "" {
		err = &BadEntry{Chain: h.Chain, Seq: h.Seq, Reason: reason}
	}
	return err
}
