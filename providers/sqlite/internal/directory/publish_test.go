package directory_test

import (
	"os"
	"testing"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault/providers/sqlite/internal/directory"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/test/storetest"
)

// TestTemporaryDirectoryStaysYoung checks that the directory of a long restore keeps a recent
// modification time, so that no other restore removes it.
func TestTemporaryDirectoryStaysYoung(t *testing.T) {
	is := is.New(t)
	dir := t.TempDir()
	is.NoErr(os.Chtimes(dir, storetest.At, storetest.At))
	stop := directory.TouchEvery(dir, time.Millisecond)
	for range 1000 {
		if info, err := os.Stat(dir); err == nil && !info.ModTime().Equal(storetest.At) {
			break
		}
		time.Sleep(time.Millisecond)
	}
	stop()
	info, err := os.Stat(dir)
	is.NoErr(err)
	is.True(info.ModTime().After(storetest.At))
}
