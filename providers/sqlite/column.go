package sqlite

import (
	"time"

	"github.com/ncruces/go-sqlite3"
)

func timeAt(row *sqlite3.Stmt, col int) time.Time { return time.UnixMicro(row.ColumnInt64(col)).UTC() }

// smallAt gives 0, which no row has, where the column does not fit; then the MAC fails.
func smallAt(row *sqlite3.Stmt, col int) uint8 {
	n := row.ColumnInt64(col)
	if n < 0 || n > 255 {
		return 0
	}
	return uint8(n)
}

func optionalAt(row *sqlite3.Stmt, col int) time.Time {
	if row.ColumnType(col) == sqlite3.NULL {
		return time.Time{}
	}
	return timeAt(row, col)
}

func textOr(row *sqlite3.Stmt, col int, usual string) string {
	if row.ColumnType(col) == sqlite3.NULL {
		return usual
	}
	return row.ColumnText(col)
}

func numberOr(row *sqlite3.Stmt, col int, usual int64) int64 {
	if row.ColumnType(col) == sqlite3.NULL {
		return usual
	}
	return row.ColumnInt64(col)
}

func optional(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMicro()
}
