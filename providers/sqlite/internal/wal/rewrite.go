package wal

import (
	"encoding/binary"
	"errors"
	"io"
	"os"
)

// errLost means that frames which SQLite wrote to a WAL cannot be read back.
var errLost = errors.New("acknowledged changes or entries are lost; restore a backup")

// errNothing ends a transaction that was begun only for its lock.
var errNothing = errors.New("nothing to commit")

// The WAL and its index: https://sqlite.org/walformat.html
const (
	walHeaderSize   = 32
	frameHeaderSize = 24
	magicLittle     = 0x377f0682 // the WAL's checksums are over little-endian words
	framesAt        = 16         // offset of the number of frames in the index
	maxPageSize     = 1 << 16
)

// rewriteWAL reads the frames that the index counts and writes them again, so that the next fsync
// covers them. It returns errLost if a frame is missing or does not match its checksum.
func rewriteWAL(wal, index string) error {
	frames, err := walFrames(index)
	if err != nil || frames == 0 {
		return err
	}
	f, err := os.OpenFile(wal, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(rewriteFrames(f, frames), f.Close())
}

// walFrames returns the number of frames in a WAL according to its index.
func walFrames(index string) (uint32, error) {
	f, err := os.Open(index)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	var frames [4]byte
	if _, err := f.ReadAt(frames[:], framesAt); err != nil {
		return 0, err
	}
	return binary.NativeEndian.Uint32(frames[:]), nil
}

func rewriteFrames(f *os.File, frames uint32) error {
	header := make([]byte, walHeaderSize)
	if _, err := f.ReadAt(header, 0); err != nil {
		return lostFrames(err)
	}
	sum := walChecksum{order: binary.BigEndian}
	if binary.BigEndian.Uint32(header) == magicLittle {
		sum.order = binary.LittleEndian
	}
	size := binary.BigEndian.Uint32(header[8:])
	if sum.add(header[:24]); size > maxPageSize || !sum.matches(header[24:]) {
		return lostFrames(nil)
	}
	if _, err := f.WriteAt(header, 0); err != nil {
		return err
	}
	frame := make([]byte, frameHeaderSize+size)
	for n := range int64(frames) {
		at := walHeaderSize + n*int64(len(frame))
		if _, err := f.ReadAt(frame, at); err != nil {
			return lostFrames(err)
		}
		sum.add(frame[:8])
		if sum.add(frame[frameHeaderSize:]); !sum.matches(frame[16:]) {
			return lostFrames(nil)
		}
		if _, err := f.WriteAt(frame, at); err != nil {
			return err
		}
	}
	return nil
}

// lostFrames returns errLost, or err if the disk could not be read.
func lostFrames(err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return errLost
	}
	return err
}

// walChecksum is the cumulative checksum of a WAL.
type walChecksum struct {
	order  binary.ByteOrder
	s0, s1 uint32
}

func (s *walChecksum) add(b []byte) {
	for ; len(b) >= 8; b = b[8:] {
		s.s0 += s.order.Uint32(b) + s.s1
		s.s1 += s.order.Uint32(b[4:]) + s.s0
	}
}

// matches reports whether the checksum equals b, which is always big-endian.
func (s *walChecksum) matches(b []byte) bool {
	return s.s0 == binary.BigEndian.Uint32(b) && s.s1 == binary.BigEndian.Uint32(b[4:])
}
