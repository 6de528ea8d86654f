package sqlite

import (
	"strings"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/ledger"
)

// knownHeads are those that the writer has read, and so proved, or written. They save the next
// change of the same address finding its head and proving it again, which is a fourth of what
// a change costs the writer.
//
// They hold from one transaction to the next while no other connection has written, like the
// end of the log; begin clears them where one may have. What a request had a part in is forgotten where
// it fails.
type knownHeads struct {
	heads   map[myvault.Address]*ledger.Head
	bytes   int
	touched []myvault.Address // by the request that is being applied
}

// Where more bytes are needed than headsBytes, all heads go: those of some 10,000 addresses.
const (
	headsBytes = 4 << 20
	headSize   = 320 // what a head takes besides its texts
)

// size is what a known head takes, in bytes.
func headBytes(h *ledger.Head) int { return headSize + len(h.Project) + len(h.Path) + len(h.By) }

// get gives the head of an address, if it is known.
func (k *knownHeads) get(addr myvault.Address) (ledger.Head, bool) {
	if h := k.heads[addr]; h != nil {
		return *h, true
	}
	return ledger.Head{}, false
}

// put takes a head as it is in the file now.
func (k *knownHeads) put(h ledger.Head) {
	old := k.heads[h.Address]
	if old == nil {
		if k.bytes += headBytes(&h); k.bytes > headsBytes || k.heads == nil {
			k.heads, k.bytes = map[myvault.Address]*ledger.Head{}, headBytes(&h)
		}
		// The caller's texts may be parts of larger ones.
		h.Project, h.Path, h.By = strings.Clone(h.Project), strings.Clone(h.Path), strings.Clone(h.By)
		kept := h // the address of h itself would have every call allocate one
		k.heads[kept.Address] = &kept
	} else {
		k.bytes += headBytes(&h) - headBytes(old)
		h.Address = old.Address
		if h.By == old.By {
			h.By = old.By
		} else {
			h.By = strings.Clone(h.By)
		}
		*old = h
	}
	k.touched = append(k.touched, h.Address)
}

// save is told that a request begins.
func (k *knownHeads) save() { k.touched = k.touched[:0] }

// restore forgets what the request has read or written.
func (k *knownHeads) restore() {
	for _, addr := range k.touched {
		if h := k.heads[addr]; h != nil {
			k.bytes -= headBytes(h)
			delete(k.heads, addr)
		}
	}
}

// clear forgets all.
func (k *knownHeads) clear() { k.heads, k.bytes = nil, 0 }

// head gives the head of an address; the zero head where it never had a version.
func (tx *transaction) head(addr myvault.Address) (ledger.Head, error) {
	if h, ok := tx.known.get(addr); ok {
		return h, nil
	}
	h, err := ledger.ReadHead(tx.file.Keys, tx.c, addr)
	if err == nil && h.Seq != 0 {
		tx.known.put(h)
	}
	return h, err
}
