package db

import (
	"time"

	"github.com/ncruces/go-sqlite3"
)

// TimeAt returns a column of microseconds since 1970 as a time.
func TimeAt(row *sqlite3.Stmt, col int) time.Time { return time.UnixMicro(row.ColumnInt64(col)).UTC() }

// SmallAt returns a number below 256. If the column is out of range, it returns 0: no row has 0,
// so the MAC does not verify.
func SmallAt(row *sqlite3.Stmt, col int) uint8 {
	n := row.ColumnInt64(col)
	if n < 0 || n > 255 {
		return 0
	}
	return uint8(n)
}

// OptionalAt returns a time, or the zero time for NULL.
func OptionalAt(row *sqlite3.Stmt, col int) time.Time {
	if row.ColumnType(col) == sqlite3.NULL {
		return time.Time{}
	}
	return TimeAt(row, col)
}

// TextOr returns a text, or usual for NULL.
func TextOr(row *sqlite3.Stmt, col int, usual string) string {
	if row.ColumnType(col) == sqlite3.NULL {
		return usual
	}
	return row.ColumnText(col)
}

// NumberOr returns a number, or usual for NULL.
func NumberOr(row *sqlite3.Stmt, col int, usual int64) int64 {
	if row.ColumnType(col) == sqlite3.NULL {
		return usual
	}
	return row.ColumnInt64(col)
}

// Optional returns t as an argument of Run or Each: nil if t is zero.
func Optional(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMicro()
}
