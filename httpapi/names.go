package httpapi

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/myswiftagent/myvault"
)

// rawPath returns the path as the client sent it. [url.URL.EscapedPath] does not always: if
// the client's encoding is unusual, as of bytes beyond ASCII, it encodes the decoded path
// again, and an encoded slash would become a separator.
func rawPath(u *url.URL) string {
	if u.RawPath != "" {
		if decoded, err := url.PathUnescape(u.RawPath); err == nil && decoded == u.Path {
			return u.RawPath
		}
	}
	return u.EscapedPath()
}

// prefix returns what middleware such as [http.StripPrefix] took off the path of the
// request, or "" if nothing was taken off or it is unfit for a header.
func (c *call) prefix() string {
	target, err := url.ParseRequestURI(c.request.RequestURI)
	if err != nil {
		return ""
	}
	prefix, found := strings.CutSuffix(rawPath(target), rawPath(c.request.URL))
	if !found || !strings.HasPrefix(prefix, "/") || strings.HasPrefix(prefix, "//") || strings.ContainsFunc(prefix, notInPath) {
		return ""
	}
	return prefix
}

// notInPath reports whether r must not be in a path, RFC 3986 section 3.3.
func notInPath(r rune) bool {
	letter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
	return !letter && !strings.ContainsRune("/-._~%!$&'()*+,;=:@", r)
}

// splitPath appends the raw segments of a path to dst: none if it is not a path, as in
// "OPTIONS *".
func splitPath(dst []string, raw string) []string {
	rest, more := strings.CutPrefix(raw, "/")
	for more {
		var segment string
		segment, rest, more = strings.Cut(rest, "/")
		dst = append(dst, segment)
	}
	return dst
}

// address returns the address in a path. Each segment is decoded once, and nothing is
// normalized. A name that the vault refuses is an error.
func (e *endpoint) address(path string, raw []string) (addr myvault.Address, err error) {
	if e.project < 0 {
		return addr, nil
	}
	if addr.Project, err = decodeSegment(raw[e.project]); err != nil {
		return addr, err
	}
	if !e.rest {
		return addr, myvault.Project{Name: addr.Project}.Validate()
	}
	for _, before := range raw[:e.project+1] {
		path = path[len("/")+len(before):]
	}
	if addr.Path, err = decodePath(path[len("/"):], raw[e.project+1:]); err != nil {
		return myvault.Address{}, err
	}
	return addr, addr.Validate()
}

// decodePath decodes a part of a path that has the segments raw.
func decodePath(path string, raw []string) (string, error) {
	if !strings.Contains(path, "%") {
		return path, nil
	}
	names := make([]string, len(raw))
	for i, segment := range raw {
		name, err := decodeSegment(segment)
		if err != nil {
			return "", err
		}
		names[i] = name
	}
	return strings.Join(names, "/"), nil
}

// decodeSegment decodes one raw segment of a path, once.
func decodeSegment(raw string) (string, error) {
	name, err := url.PathUnescape(raw)
	if err != nil {
		return "", fmt.Errorf("%w path: a %% must be followed by two hex digits", myvault.ErrInvalid)
	}
	if strings.Contains(name, "/") {
		return "", fmt.Errorf("%w path: a name cannot contain an encoded slash; separate segments with /", myvault.ErrInvalid)
	}
	return name, nil
}
