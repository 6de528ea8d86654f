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

// segments returns the raw segments of the path of u: none if it is not a path, as in
// "OPTIONS *".
func segments(u *url.URL) []string {
	path, found := strings.CutPrefix(rawPath(u), "/")
	if !found {
		return nil
	}
	return strings.Split(path, "/")
}

// address returns the address in a path with these segments. Each segment is decoded once, and
// nothing is normalized. A name that the vault refuses is an error.
func (e *endpoint) address(raw []string) (addr myvault.Address, err error) {
	if e.project < 0 {
		return addr, nil
	}
	if addr.Project, err = decode(raw[e.project]); err != nil {
		return addr, err
	}
	if !e.rest {
		return addr, myvault.Project{Name: addr.Project}.Validate()
	}
	if addr.Path, err = decode(raw[e.project+1:]...); err != nil {
		return myvault.Address{}, err
	}
	return addr, addr.Validate()
}

// decode decodes raw segments of a path, each once, and joins them.
func decode(raw ...string) (string, error) {
	names := make([]string, len(raw))
	for i, segment := range raw {
		name, err := url.PathUnescape(segment)
		if err != nil {
			return "", fmt.Errorf("%w path: a %% must be followed by two hex digits", myvault.ErrInvalid)
		}
		if strings.Contains(name, "/") {
			return "", fmt.Errorf("%w path: a name cannot contain an encoded slash; separate segments with /", myvault.ErrInvalid)
		}
		names[i] = name
	}
	return strings.Join(names, "/"), nil
}
