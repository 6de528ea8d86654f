package sqlite

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/internal/rfc3339"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/directory"
)

// FormatHeads gives a line for each head, as [ParseHeads] reads it: the chain, the sequence,
// the time in RFC 3339, and the MAC in hexadecimal digits, divided by blanks. There is
// nothing secret in it.
func FormatHeads(heads []myvault.Head) string {
	var b strings.Builder
	for _, h := range heads {
		fmt.Fprintf(&b, "%s %d %s %x\n", h.Chain, h.Seq, h.At.UTC().Format(time.RFC3339Nano), h.MAC)
	}
	return b.String()
}

// ParseHeads reads what FormatHeads wrote. Empty lines are passed over, so files can be put
// together. [myvault.ErrInvalid] names the first line that is not such a head.
func ParseHeads(text string) (heads []myvault.Head, err error) {
	number := 0
	for line := range strings.Lines(text) {
		number++
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}
		h, ok := parseHead(fields)
		if !ok {
			return nil, fmt.Errorf("%w heads: line %d is not: chain, sequence, time, MAC", myvault.ErrInvalid, number)
		}
		heads = append(heads, h)
	}
	return heads, nil
}

func parseHead(fields []string) (h myvault.Head, ok bool) {
	if len(fields) != 4 || fields[0] != myvault.ChainChanges && fields[0] != myvault.ChainAccess {
		return h, false
	}
	seq, wrongSeq := strconv.ParseUint(fields[1], 10, 63)
	at, wrongTime := rfc3339.Parse(fields[2])
	mac, wrongMAC := hex.DecodeString(fields[3])
	h = myvault.Head{Chain: fields[0], Seq: seq, At: at.UTC(), MAC: mac}
	return h, wrongSeq == nil && wrongTime == nil && wrongMAC == nil && len(mac) == 32
}

// WriteHeads writes the heads into a file, in the place of what it held, durably. Keep the file, or
// a copy, where who can change the store cannot change it.
func WriteHeads(path string, heads []myvault.Head) error {
	return directory.Replace(path, directory.Disk{}, func(w io.Writer) error {
		_, err := io.WriteString(w, FormatHeads(heads))
		return err
	})
}

// ReadHeads reads a file that WriteHeads wrote.
func ReadHeads(path string) ([]myvault.Head, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return ParseHeads(string(text))
}

// headsWithin is how long Close tries to read the heads.
const headsWithin = 10 * time.Second

// writeHeadsFile writes the heads where Config.HeadsFile says.
func (s *Store) writeHeadsFile() error {
	if s.headsFile == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), headsWithin)
	defer cancel()
	heads, err := s.Heads(ctx)
	if err == nil {
		err = WriteHeads(s.headsFile, heads)
	}
	if err != nil {
		return fmt.Errorf("heads: %w", err)
	}
	return nil
}
