package simdisk

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

// Image is the contents of a disk: files by their path below its root. The path of a directory
// ends in a slash.
type Image map[string][]byte

// image returns the contents of the disk with the pending changes that keep selects.
func (s *state) image(keep keeper) Image {
	if !s.disk.Careless && !s.disk.FalsePromise {
		keep.damage = nil
	}
	contents := make(map[*node][]byte, len(s.order))
	for _, n := range s.order {
		contents[n] = build(s.files[n].durable, s.files[n].pending, keep)
	}
	image := Image{}
	s.fill(image, s.disk.nodes[0], "", contents, keep)
	return image
}

func (s *state) fill(image Image, dir *node, path string, contents map[*node][]byte, keep keeper) {
	names := s.dirs[dir].build(s.dirs[dir].pending, keep)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		child := names[name]
		if child.names == nil {
			image[path+name] = contents[child]
			continue
		}
		image[path+name+"/"] = nil
		s.fill(image, child, path+name+"/", contents, keep)
	}
}

// Sum is the same for equal images.
func (m Image) Sum() [sha256.Size]byte {
	h := sha256.New()
	for _, path := range slices.Sorted(maps.Keys(m)) {
		var sizes [16]byte
		binary.BigEndian.PutUint64(sizes[:], uint64(len(path)))
		binary.BigEndian.PutUint64(sizes[8:], uint64(len(m[path])))
		h.Write(sizes[:])
		h.Write([]byte(path))
		h.Write(m[path])
	}
	return [sha256.Size]byte(h.Sum(nil))
}

// Holds returns a file that contains b.
func (m Image) Holds(b []byte) (path string, found bool) {
	for path, content := range m {
		if bytes.Contains(content, b) {
			return path, true
		}
	}
	return "", false
}

// Write creates the files of the image below root, with the modes that a store uses.
func (m Image) Write(root string) error {
	for _, path := range slices.Sorted(maps.Keys(m)) {
		to := filepath.Join(root, filepath.FromSlash(path))
		if path[len(path)-1] == '/' {
			if err := os.MkdirAll(to, 0o700); err != nil {
				return err
			}
			continue
		}
		if err := os.WriteFile(to, m[path], 0o600); err != nil {
			return err
		}
	}
	return nil
}
