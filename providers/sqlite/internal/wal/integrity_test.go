package wal

import (
	"errors"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/fault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/schema"
)

// TestUnreadablePageIsNotTampering checks that a page that cannot be read is reported as
// ErrUnavailable, not as ErrTampered.
func TestUnreadablePageIsNotTampering(t *testing.T) {
	is := is.New(t)
	check := func(found string) error {
		return fault.FromEngine(t.Context(), pageFault(schema.VaultFile, found))
	}
	is.True(errors.Is(check("*** in database main ***\nTree 8 page 8: unable to get the page. error code=266"), myvault.ErrUnavailable)) // IOERR_READ
	is.True(errors.Is(check("Tree 8 page 8: unable to get the page. error code=7"), myvault.ErrUnavailable))                             // NOMEM
	is.True(errors.Is(check("Tree 8 page 8: unable to get the page. error code=11"), myvault.ErrTampered))                               // CORRUPT
	is.True(errors.Is(check("Tree 8 page 8: unable to get the page. error code=x"), myvault.ErrTampered))
	is.True(errors.Is(check("row 3 missing from index x"), myvault.ErrTampered))
}
