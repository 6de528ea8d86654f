package schema

import (
	"cmp"
	"context"
	"path/filepath"
	"sync"

	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/directory"
)

// check gives the reason why the file may not be opened; nil where there is none.
func (k Kind) check(ctx context.Context, dir string, key crypto.Key) error {
	path := filepath.Join(dir, k.Name)
	if err := directory.CheckFiles(path); err != nil {
		return err
	}
	return k.peek(ctx, path, key)
}

// Check checks the files side by side, since each look takes a third of a millisecond. The
// reason that it gives is that of the first of them.
func Check(ctx context.Context, dir string, key crypto.Key, kinds []Kind) error {
	refused := make([]error, len(kinds))
	var looking sync.WaitGroup
	for i, k := range kinds {
		looking.Go(func() { refused[i] = k.check(ctx, dir, key) })
	}
	looking.Wait()
	return cmp.Or(refused...)
}
