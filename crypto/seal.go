package crypto

import (
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"sync"

	"golang.org/x/crypto/cryptobyte"
)

// Format is the version of the record format, the first byte of each record.
const Format = 1

// Overhead is the size of a record less the size of its value, in bytes.
const Overhead = headerSize + 12 + 16

const headerSize = 1 + 4 // format, epoch

// ErrOpen means that a record, a wrapped key or a stream does not authenticate: it was
// changed, truncated, moved to another id, or sealed with another key.
var ErrOpen = errors.New("does not authenticate")

// RecordID is the secret and version that a record belongs to. It is authenticated with the
// record, so the record cannot be opened as any other.
type RecordID struct {
	Project, Path string // each at most 65,535 bytes
	Version       uint64
}

// Sealer seals and opens the records of one vault and one epoch, with AES-256-GCM (NIST
// SP 800-38D) and random IVs. It is safe for concurrent use.
type Sealer struct {
	aead   cipher.AEAD
	prefix []byte // the common start of all additional data
	epoch  uint32
	idle   sync.Pool // of *[]byte, for additional data
}

// NewSealer returns the Sealer of an epoch from its data key. It returns ErrKey for the
// zero Key.
func NewSealer(data Key, vault []byte, epoch uint32) (*Sealer, error) {
	b, err := data.bytes()
	if err != nil {
		return nil, err
	}
	aead, err := newAEAD(b)
	if err != nil {
		return nil, err
	}
	prefix := cryptobyte.NewBuilder(nil)
	addShort(prefix, []byte(labelRecord))
	prefix.AddUint8(Format)
	addShort(prefix, vault)
	return &Sealer{aead: aead, prefix: prefix.BytesOrPanic(), epoch: epoch}, nil
}

// Epoch returns the epoch of the records that s seals and opens.
func (s *Sealer) Epoch() uint32 { return s.epoch }

// Seal encrypts value, appends the record to dst and returns the result:
// format(1) | epoch(4) | IV(12) | ciphertext | tag(16). dst and value must not overlap.
func (s *Sealer) Seal(dst []byte, id RecordID, value []byte) []byte {
	dst = append(dst, Format)
	dst = binary.BigEndian.AppendUint32(dst, s.epoch)
	b := s.scratch()
	defer s.idle.Put(b)
	*b = s.additional((*b)[:0], id)
	return s.aead.Seal(dst, nil, value, *b)
}

// Open decrypts record, appends its value to dst and returns the result. It returns ErrOpen
// for a record that [Sealer.Seal] did not make with this id.
func (s *Sealer) Open(dst []byte, id RecordID, record []byte) ([]byte, error) {
	epoch, err := RecordEpoch(record)
	if err != nil {
		return nil, err
	}
	if epoch != s.epoch {
		return nil, fmt.Errorf("%w: a record of epoch %d under the key of epoch %d", ErrOpen, epoch, s.epoch)
	}
	b := s.scratch()
	defer s.idle.Put(b)
	*b = s.additional((*b)[:0], id)
	value, err := s.aead.Open(dst, nil, record[headerSize:], *b)
	if err != nil {
		return nil, fmt.Errorf("%w: a record", ErrOpen)
	}
	return value, nil
}

// RecordEpoch returns the epoch of a record, and so which key opens it. It returns ErrOpen
// if record is too short or has another format.
func RecordEpoch(record []byte) (uint32, error) {
	switch {
	case len(record) < Overhead:
		return 0, fmt.Errorf("%w: %d bytes are too few for a record", ErrOpen, len(record))
	case record[0] != Format:
		return 0, fmt.Errorf("%w: a record of format %d; this program reads format %d", ErrOpen, record[0], Format)
	}
	return binary.BigEndian.Uint32(record[1:headerSize]), nil
}

// scratch returns a buffer from the pool.
func (s *Sealer) scratch() *[]byte {
	if b, ok := s.idle.Get().(*[]byte); ok {
		return b
	}
	return new([]byte)
}

// additional appends the additional data of a record. Every part of variable size follows
// its length, so no two places have the same encoding.
func (s *Sealer) additional(dst []byte, id RecordID) []byte {
	dst = append(dst, s.prefix...)
	dst = appendLong(dst, id.Project)
	dst = appendLong(dst, id.Path)
	dst = binary.BigEndian.AppendUint64(dst, id.Version)
	return binary.BigEndian.AppendUint32(dst, s.epoch)
}

// appendLong appends the length of v in two bytes, then v.
func appendLong(dst []byte, v string) []byte {
	if len(v) > math.MaxUint16 {
		panic("crypto: a name has at most 65,535 bytes")
	}
	return append(binary.BigEndian.AppendUint16(dst, uint16(len(v))), v...)
}
