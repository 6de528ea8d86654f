package httpapi

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/myswiftagent/myvault"
)

// rawPath gives the path as the client wrote it. [url.URL.EscapedPath] alone does not: where
// the client's own encoding is unusual, as with bytes beyond ASCII, it encodes the decoded
// path anew, and an encoded slash would come out as a divider.
func rawPath(u *url.URL) string {
	if u.RawPath != "" {
		if decoded, err := url.PathUnescape(u.RawPath); err == nil && decoded == u.Path {
			return u.RawPath
		}
	}
	return u.EscapedPath()
}

// splitPath gives the raw segments of a path; none where it is no path, as in "OPTIONS *".
func splitPath(raw string) []string {
	rest, found := strings.CutPrefix(raw, "/")
	if !found {
		return nil
	}
	return strings.Split(rest, "/")
}

// address reads the names that the pattern has at the place of the raw segments: each is
// decoded once, and refused if the vault refuses it. Nothing is cleaned.
func (e *endpoint) address(raw []string) (myvault.Address, error) {
	for i, want := range e.segments {
		if !strings.HasPrefix(want, "{") || want == tokenID {
			continue
		}
		names := make([]string, 0, len(raw)-i)
		for _, segment := range raw[i:] {
			name, err := decodeSegment(segment)
			if err != nil {
				return myvault.Address{}, err
			}
			names = append(names, name)
		}
		if e.segments[len(e.segments)-1] == "{path...}" {
			addr := myvault.Address{Project: names[0], Path: strings.Join(names[1:], "/")}
			return addr, addr.Validate()
		}
		return myvault.Address{Project: names[0]}, myvault.ValidateProject(names[0])
	}
	return myvault.Address{}, nil
}

// decodeSegment decodes one raw segment of a path, once.
func decodeSegment(raw string) (string, error) {
	name, err := url.PathUnescape(raw)
	if err != nil {
		return "", fmt.Errorf("%w path: a %% must be followed by two hex digits", myvault.ErrInvalid)
	}
	if strings.Contains(name, "/") {
		return "", fmt.Errorf("%w path: an encoded slash; a name holds none, and segments are divided by a plain one", myvault.ErrInvalid)
	}
	return name, nil
}
