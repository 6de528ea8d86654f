package scenarios

import (
	"errors"
	"io/fs"
	"path/filepath"

	"github.com/myswiftagent/myvault/bench/peers"
)

// storeCache holds the stores that several scenarios share. A store is filled once. Scenarios may
// change its secrets but add none.
type storeCache struct {
	dirs  map[storeKey]string
	sizes map[storeKey]int64
}

type storeKey struct {
	engine  string
	secrets int
}

// filledStore returns the directory of a shared store, which it creates on first use.
func (r *run) filledStore(e peers.Engine, secrets int) (string, error) {
	key := storeKey{e.Name, secrets}
	if dir, found := r.stores.dirs[key]; found {
		return dir, nil
	}
	dir, err := r.newStore(e, secrets)
	if err != nil {
		return "", err
	}
	size, err := diskUsage(dir)
	if err != nil {
		return "", err
	}
	if r.stores.dirs == nil {
		r.stores = storeCache{make(map[storeKey]string), make(map[storeKey]int64)}
	}
	r.stores.dirs[key], r.stores.sizes[key] = dir, size
	return dir, nil
}

// fileSize returns the size on the disk of a store that was filled and closed.
func (r *run) fileSize(e peers.Engine, secrets int) (int64, error) {
	_, err := r.filledStore(e, secrets)
	return r.stores.sizes[storeKey{e.Name, secrets}], err
}

// newStore creates a store for one scenario.
func (r *run) newStore(e peers.Engine, secrets int) (string, error) {
	dir, err := r.tempDir()
	if err != nil {
		return "", err
	}
	r.Log("  filling %s with %d secrets", e.Name, secrets)
	return dir, e.Fill(dir, peers.Names(secrets))
}

// engines returns the engines that are measured with the given number of secrets.
func engines(secrets int) []peers.Engine {
	var some []peers.Engine
	for i, e := range peers.Engines() {
		if i == 0 || secrets <= peerLimit && (e.MaxSecrets == 0 || secrets <= e.MaxSecrets) {
			some = append(some, e)
		}
	}
	return some
}

// diskUsage returns the space that the files below dir occupy.
func diskUsage(dir string) (sum int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil {
			sum += allocated(info)
		}
		return err
	})
	return sum, err
}
