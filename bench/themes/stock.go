package themes

import (
	"errors"
	"io/fs"
	"path/filepath"

	"github.com/myswiftagent/myvault/bench/peers"
)

// stock holds the stores that are filled once and then opened by several themes. They are
// read, listed and changed, but get no further secrets.
type stock struct {
	dirs map[stocked]string
	used map[stocked]int64
}

type stocked struct {
	engine  string
	secrets int
}

// filled gives the directory of a store, which it makes on first use.
func (r *run) filled(e peers.Engine, secrets int) (string, error) {
	key := stocked{e.Name, secrets}
	if dir, found := r.stock.dirs[key]; found {
		return dir, nil
	}
	dir, err := r.fresh(e, secrets)
	if err != nil {
		return "", err
	}
	used, err := usage(dir)
	if err != nil {
		return "", err
	}
	if r.stock.dirs == nil {
		r.stock = stock{make(map[stocked]string), make(map[stocked]int64)}
	}
	r.stock.dirs[key], r.stock.used[key] = dir, used
	return dir, nil
}

// used gives what a store takes on the disk after it was filled and closed.
func (r *run) used(e peers.Engine, secrets int) (int64, error) {
	_, err := r.filled(e, secrets)
	return r.stock.used[stocked{e.Name, secrets}], err
}

// fresh makes a store for one theme alone.
func (r *run) fresh(e peers.Engine, secrets int) (string, error) {
	dir, err := r.temporary()
	if err != nil {
		return "", err
	}
	r.Log("  filling %s with %d secrets", e.Name, secrets)
	return dir, e.Fill(dir, peers.Names(secrets))
}

// engines gives those that are asked to hold so many secrets.
func engines(secrets int) []peers.Engine {
	var some []peers.Engine
	for i, e := range peers.Engines() {
		if i == 0 || secrets <= largest && (e.Most == 0 || secrets <= e.Most) {
			some = append(some, e)
		}
	}
	return some
}

// usage sums up what the files below dir take on the disk.
func usage(dir string) (sum int64, err error) {
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
