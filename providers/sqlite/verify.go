package sqlite

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ncruces/go-sqlite3"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/fault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/keyring"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/ledger"
)

// Report is the result of [Store.Verify], [VerifyBackup] and [Restore].
type Report struct {
	Changes   uint64 // entries of the chain of changes
	Accesses  uint64 // entries of the chain of accesses
	Pruned    uint64 // earlier entries that were removed, by [Trail.Prune] or in the background
	Records   uint64 // versions whose record was opened
	Earlier   uint64 // those of them under a data key other than the newest
	Destroyed uint64 // versions whose record was destroyed
	Secrets   uint64 // addresses whose head agrees with the log
	Projects  int    // registered projects, which agree with the log
	// Heads are the newest links. Keep them elsewhere and pass them to a later Verify.
	Heads []myvault.Head
	// TruncationChecked is set if each chain was compared with an earlier head. Without one a
	// truncated chain looks complete.
	TruncationChecked bool
	// Compared are the earlier heads that are still links of their chain.
	Compared []myvault.Head
	// NotComparable are the earlier heads before the last pruned entry. They prove nothing; use
	// newer ones.
	NotComparable []myvault.Head
	// Rekeying is set if a change of the master key was not finished; see [Store.Rekey].
	Rekeying bool
}

// String returns one line for people: the counts of checked items, the earlier heads that were
// compared, and the parts that could not be checked.
func (r Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d changes, %d accesses, %d records opened, %d destroyed, %d secrets, %d projects",
		r.Changes, r.Accesses, r.Records, r.Destroyed, r.Secrets, r.Projects)
	for i, h := range r.Compared {
		before := ", "
		if i == 0 {
			before = "; compared with earlier heads: "
		}
		fmt.Fprintf(&b, "%s%s at %d", before, h.Chain, h.Seq)
	}
	b.WriteString(r.unchecked())
	if r.Pruned > 0 {
		fmt.Fprintf(&b, "; not checked: %d accesses that were pruned before", r.Pruned)
	}
	for _, h := range r.NotComparable {
		fmt.Fprintf(&b, "; the head of the chain of %s at %d was pruned and is not comparable", h.Chain, h.Seq)
	}
	if r.Rekeying {
		b.WriteString("; a change of the master key was begun and not finished: repeat it")
	}
	return b.String()
}

// unchecked says of which chains no truncation would have been noticed.
func (r Report) unchecked() string {
	if len(r.Compared)+len(r.NotComparable) == 0 {
		return "; truncation was not checked: no earlier head of each chain was given"
	}
	var b strings.Builder
	for _, h := range r.Heads {
		if !slices.ContainsFunc(r.Compared, func(c myvault.Head) bool { return c.Chain == h.Chain }) {
			fmt.Fprintf(&b, "; truncation of the chain of %s was not checked: no earlier head of it was comparable", h.Chain)
		}
	}
	return b.String()
}

// Verify reads and verifies the whole store: that the tables and indexes are those that
// this package creates, and that every wrapped key opens; the MAC and the sequence of every
// entry of both chains; that every record decrypts with its id; that heads and register
// agree with the log. At last the engine checks pages and indexes. Earlier heads, as
// returned by [Store.Heads], prove that their chain was neither truncated nor rewritten.
//
// Verify returns [myvault.ErrTampered] for data that does not authenticate; a [*BadEntry]
// names the first bad sequence. The Report shows how far it came. The store can be used
// meanwhile. A destroy, and the changes behind it, waits at most 2 seconds for the engine's
// check of vault.db; after that the destroy returns [myvault.ErrUnknownOutcome].
func (s *Store) Verify(ctx context.Context, earlier ...myvault.Head) (Report, error) {
	v := &verification{Store: s, mac: crypto.Genesis(), register: map[string]myvault.Project{}}
	v.progress = newVerifyProgress(ctx, s.Heads)
	for _, step := range []func(context.Context) error{v.structure, v.log, v.heads, v.accesses, v.proveClaims, v.integrity} {
		if err := step(ctx); err != nil {
			return v.report, err
		}
	}
	return v.report, v.compare(ctx, earlier)
}

// verification is a Verify in progress.
type verification struct {
	*Store
	keys   *keyring.Ring // of vault.db, read anew
	access *keyring.Ring // of access.db
	report Report
	begun  keyring.EpochStarts
	pruned ledger.Link // behind which the accesses begin
	// The newest claims of each chain about the other, and the last access entry.
	accessClaim, changeClaim ledger.Claim
	accessEnd                uint64
	seq                      uint64 // of the last log row proved
	mac                      []byte
	secrets                  bits // the log rows that belong to an address
	reached                  bits // those that the history of an address leads to
	register                 map[string]myvault.Project
	progress                 verifyProgress
}

// log verifies the rows of the log, and that the register agrees with them.
func (v *verification) log(ctx context.Context) error {
	for done := false; !done; {
		err := v.file.Readers.Snapshot(ctx, func(c *db.Conn) error {
			before := v.seq
			var err error
			if v.begun, err = keyring.ReadEpochStarts(c); err != nil {
				return err
			}
			if err := v.logPage(c); err != nil || v.seq-before == ledger.PageRows {
				return err
			}
			done = true
			return v.projects(c)
		})
		if err != nil {
			return err
		}
		v.progress.log(v.seq)
	}
	return nil
}

func (v *verification) logPage(c *db.Conn) error {
	return c.Each(`SELECT `+ledger.LogColumns+`, l.sealed FROM log l WHERE l.seq > ?1 ORDER BY l.seq LIMIT ?2`,
		func(row *sqlite3.Stmt) error {
			r := ledger.ScanLog(row)
			r.Sealed = row.ColumnRawBlob(27)
			return v.logRow(c, &r)
		}, v.seq, ledger.PageRows)
}

func (v *verification) logRow(c *db.Conn, r *ledger.LogRow) error {
	e := &r.Entry
	bad := func(seq uint64, reason string) error {
		return &fault.BadEntry{Chain: myvault.ChainChanges, Seq: seq, Reason: reason}
	}
	if e.Seq != v.seq+1 {
		return bad(v.seq+1, "it is missing")
	}
	e.Prev = v.mac
	if err := r.CheckMAC(v.keys); err != nil {
		return err
	}
	if r.HasRecord {
		if err := ledger.CheckRecord(v.keys, c, r, r.Sealed); err != nil {
			return err
		}
		value, err := v.keys.OpenRecord(c, keyring.RecordID(e.Address, e.Version), e.Seq, r.Sealed)
		if errors.Is(err, myvault.ErrTampered) {
			return bad(e.Seq, "its record does not open")
		}
		if err != nil {
			return err
		}
		clear(value)
		if err := v.inEpoch(r); err != nil {
			return err
		}
		v.report.Records++
	}
	if r.Op <= myvault.OpDestroy {
		v.secrets.set(e.Seq)
	}
	if e.Seq > v.pairedSince {
		v.changeClaim.Observe(e)
	}
	v.replay(r)
	v.seq, v.mac = e.Seq, e.MAC
	v.report.Changes++
	return nil
}

// heads verifies that every head agrees with the log, and that every row is in the history
// of its address.
func (v *verification) heads(ctx context.Context) error {
	run := runsOf(myvault.Prefix{})[0]
	for more := true; more; {
		var last myvault.Address
		rows := 0
		err := v.file.Readers.Snapshot(ctx, func(c *db.Conn) error {
			heads, err := v.headPage(c, run)
			for _, h := range heads {
				if err := v.head(c, h); err != nil {
					return err
				}
				last = h.Address
			}
			rows = len(heads)
			return err
		})
		if err != nil {
			return err
		}
		v.progress.history()
		run.startAfter(last)
		more = rows == ledger.PageRows
	}
	if seq, found := v.secrets.without(v.reached); found {
		return &fault.BadEntry{Chain: myvault.ChainChanges, Seq: seq, Reason: "the head of its address does not lead to it"}
	}
	return nil
}

func (v *verification) headPage(c *db.Conn, r run) (heads []ledger.Head, err error) {
	var bad myvault.Address
	var read []myvault.Info
	err = c.Each(inRun+` ORDER BY project, path LIMIT ?5`, func(row *sqlite3.Stmt) error {
		h, err := ledger.ScanHead(v.keys, row)
		if err != nil {
			bad = myvault.Address{Project: row.ColumnText(0), Path: row.ColumnText(1)}
			return err
		}
		heads, read = append(heads, h), append(read, h.Info)
		return r.follows(h, read[:len(read)-1])
	}, r.from.Project, r.from.Path, r.to.Project, r.to.Path, ledger.PageRows)
	if errors.Is(err, myvault.ErrTampered) {
		return heads, v.nameHead(c, bad, err)
	}
	return heads, err
}

// nameHead finds the log row at which a head that does not authenticate should point.
func (v *verification) nameHead(c *db.Conn, addr myvault.Address, cause error) error {
	seq := uint64(0)
	err := c.Each(`SELECT max(seq) FROM log WHERE project = ?1 AND path = ?2`, func(row *sqlite3.Stmt) error {
		seq = uint64(row.ColumnInt64(0))
		return nil
	}, addr.Project, addr.Path)
	if err != nil || seq == 0 {
		return errors.Join(cause, err)
	}
	return &fault.BadEntry{Chain: myvault.ChainChanges, Seq: seq, Reason: "the head of its address does not authenticate"}
}

// head walks the whole history of an address.
func (v *verification) head(c *db.Conn, h ledger.Head) error {
	newest := true
	for p := (&ledger.History{Address: h.Address, Next: h.Seq}); p.Next != 0; {
		v.reached.set(p.Next)
		v.progress.histories++
		found, made, err := p.Step(c, v.keys)
		if err != nil {
			return err
		}
		if !made {
			continue
		}
		if err := v.version(h, found, newest); err != nil {
			return err
		}
		newest = false
	}
	v.report.Secrets++
	return nil
}

func (v *verification) version(h ledger.Head, found ledger.VersionRow, newest bool) error {
	reason := ""
	switch {
	case newest && (found.Info != h.Info || found.Seq != h.ValueSeq):
		reason = "the head of its address tells another story"
	case found.State == myvault.Destroyed && found.HasRecord:
		reason = "its record was destroyed and is there again"
	case found.State != myvault.Destroyed && !found.HasRecord:
		reason = "its record is missing"
	}
	if reason != "" {
		return &fault.BadEntry{Chain: myvault.ChainChanges, Seq: found.Seq, Reason: reason}
	}
	if found.State == myvault.Destroyed {
		v.report.Destroyed++
	}
	return nil
}

// bits is a set of sequences.
type bits []uint64

func (b *bits) set(n uint64) {
	for uint64(len(*b)) <= n/64 {
		*b = append(*b, make([]uint64, 1+len(*b)/2)...)
	}
	(*b)[n/64] |= 1 << (n % 64)
}

func (b bits) has(n uint64) bool { return n/64 < uint64(len(b)) && b[n/64]&(1<<(n%64)) != 0 }

// without returns the first sequence that is in b and not in other.
func (b bits) without(other bits) (uint64, bool) {
	for n := range uint64(len(b)) * 64 {
		if b.has(n) && !other.has(n) {
			return n, true
		}
	}
	return 0, false
}
