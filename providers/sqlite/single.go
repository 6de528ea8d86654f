package sqlite

import (
	"fmt"

	"github.com/ncruces/go-sqlite3"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
)

// The table single has the entries that were written before there were batches, a row for
// each. Nothing is added to it.

const singleColumns = `l.seq, l.at, l.service, l.via, l.request, l.remote, l.action, l.project, l.path, l.version,
	l.outcome, l.count, l.first, l.last, l.seen, l.mac,
	coalesce((SELECT p.mac FROM single p WHERE p.seq = l.seq - 1), (SELECT p.link FROM pruned p WHERE p.seq = l.seq - 1))`

var singlePage = `SELECT ` + singleColumns + ` FROM single l` + fmt.Sprintf(selects, `l.at`)

// scanSingle reads a row of singleColumns. What it gives is its own.
func scanSingle(row *sqlite3.Stmt) myvault.Entry {
	e := myvault.Entry{
		Chain: myvault.ChainAccess, Seq: uint64(row.ColumnInt64(0)), At: timeAt(row, 1),
		Service: row.ColumnText(2), Via: row.ColumnText(3), Request: row.ColumnText(4), Remote: row.ColumnText(5),
		Action: row.ColumnText(6), Address: myvault.Address{Project: row.ColumnText(7), Path: row.ColumnText(8)},
		Version: myvault.Version(row.ColumnInt64(9)), Outcome: myvault.Outcome(row.ColumnText(10)),
		Count: uint64(row.ColumnInt64(11)), First: timeAt(row, 12), Last: timeAt(row, 13),
		Seen: uint64(row.ColumnInt64(14)), MAC: row.ColumnBlob(15, nil), Prev: row.ColumnBlob(16, nil),
	}
	if e.Seq == 1 {
		e.Prev = crypto.Genesis()
	}
	return e
}
