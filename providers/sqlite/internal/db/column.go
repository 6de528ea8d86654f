package db

import (
	"time"

	"github.com/ncruces/go-sqlite3"
)

func TimeAt(row *sqlite3.Stmt, col int) time.Time { return time.UnixMicro(row.ColumnInt64(col)).UTC() }

// SmallAt gives 0, which no row has, where the column does not fit; then the MAC fails.
func SmallAt(row *sqlite3.Stmt, col int) uint8 {
	n := row.ColumnInt64(col)
	if n < 0 || n > 255 {
		return 0
	}
	return uint8(n)
}

func OptionalAt(row *sqlite3.Stmt, col int) time.Time {
	if row.ColumnType(col) == sqlite3.NULL {
		return time.Time{}
	}
	return TimeAt(row, col)
}

func TextOr(row *sqlite3.Stmt, col int, usual string) string {
	if row.ColumnType(col) == sqlite3.NULL {
		return usual
	}
	return row.ColumnText(col)
}

func NumberOr(row *sqlite3.Stmt, col int, usual int64) int64 {
	if row.ColumnType(col) == sqlite3.NULL {
		return usual
	}
	return row.ColumnInt64(col)
}

func Optional(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMicro()
}
