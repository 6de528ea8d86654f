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

// FormatHeads returns a line for each head: chain, sequence, time in RFC 3339 and MAC in
// hexadecimal digits, separated by blanks. [ParseHeads] reads it. The lines contain no
// secrets.
func FormatHeads(heads []myvault.Head) string {
	var b strings.Builder
	for _, h := range heads {
		fmt.Fprintf(&b, "%s %d %s %x\n", h.Chain, h.Seq, h.At.UTC().Format(time.RFC3339Nano), h.MAC)
	}
	return b.String()
}

// ParseHeads reads the format of FormatHeads. It skips empty lines, so files can be
// concatenated. [myvault.ErrInvalid] names the first line that is not a head.
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

// WriteHeads writes the heads to a file and syncs it, replacing its contents. Keep the
// file, or a copy, out of reach of those who can change the store.
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

// headsWithin limits how long Close tries to read the heads.
const headsWithin = 10 * time.Second

// writeHeadsFile writes the heads to Config.HeadsFile.
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
