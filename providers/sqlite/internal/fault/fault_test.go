package fault_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/matryer/is"
	"github.com/ncruces/go-sqlite3"

	"github.com/myswiftagent/myvault/providers/sqlite/internal/fault"
)

// TestNoSpaceToOpenStore checks the advice for errors while opening. SQLite's own error for a
// missing WAL-index does not say that the disk is full.
func TestNoSpaceToOpenStore(t *testing.T) {
	is := is.New(t)
	err := fault.WithAdvice(fmt.Errorf("open: %w", sqlite3.IOERR_SHMSIZE))
	is.True(strings.Contains(err.Error(), "the disk is full"))
	err = fault.WithAdvice(fmt.Errorf("open: %w", sqlite3.IOERR_READ))
	is.True(strings.Contains(err.Error(), "the disk failed"))
}
