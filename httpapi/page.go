package httpapi

import (
	"encoding/base64"
	"maps"
	"net/url"
	"strconv"
	"strings"

	"github.com/myswiftagent/myvault"
)

// maxPage is the largest number of items of one page, and how many there are unless limit
// says less.
const maxPage = 1000

// limit reads the parameter of that name.
func (c *call) limit() (int, error) {
	text := c.query.Get("limit")
	if text == "" {
		return maxPage, nil
	}
	limit, err := strconv.ParseUint(text, 10, 16)
	if err != nil || limit < 1 || limit > maxPage {
		return 0, badRequest("the query parameter limit is a number from 1 to 1000")
	}
	return int(limit), nil
}

// cursorBlock is what the size of a cursor is a multiple of: the name in it may be one that
// the caller must not see, and neither must its length be.
const cursorBlock = 256

// next returns the Link header to the items behind fields, which only servers of this store can
// read.
func (c *call) next(fields ...string) string {
	plain := []byte(strings.Join(fields, "\x00"))
	plain = append(plain, make([]byte, cursorBlock-len(plain)%cursorBlock)...)
	sealed := c.api.cursors.seal(c.ctx(), plain, c.cursorContext())
	query := maps.Clone(c.query)
	if query == nil {
		query = url.Values{}
	}
	query.Set("cursor", base64.RawURLEncoding.EncodeToString(sealed))
	return "<" + c.prefix() + c.request.URL.EscapedPath() + "?" + query.Encode() + `>; rel="next"`
}

// cursor gives the fields that next sealed; nil where the listing begins.
func (c *call) cursor() ([]string, error) {
	text := c.query.Get("cursor")
	if text == "" {
		return nil, nil
	}
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return nil, wrongCursor()
	}
	plain, err := c.api.cursors.open(c.ctx(), sealed, c.cursorContext())
	if err != nil {
		return nil, err
	}
	return strings.Split(strings.TrimRight(string(plain), "\x00"), "\x00"), nil
}

// cursorContext is what a cursor is bound to: the route, the caller, and the question.
func (c *call) cursorContext() []byte {
	question := maps.Clone(c.query)
	delete(question, "cursor")
	delete(question, "limit")
	return []byte(strings.Join([]string{c.endpoint.Pattern, c.session.Service(), c.addr.Project, question.Encode()}, "\x00"))
}

// after gives the address behind which a listing of secrets goes on.
func (c *call) after() (myvault.Address, error) {
	fields, err := c.cursor()
	if err != nil || fields == nil {
		return myvault.Address{}, err
	}
	switch len(fields) {
	case 1: // before all secrets of a project, or before all projects
		return myvault.Address{Project: fields[0]}, nil
	case 2:
		return myvault.Address{Project: fields[0], Path: fields[1]}, nil
	}
	return myvault.Address{}, badRequest("the cursor is malformed; start again without cursor")
}

// nextPage gives the Link header of a page, "" for the last one.
func nextPage[T any](c *call, page myvault.Page[T]) string {
	if !page.More {
		return ""
	}
	return c.next(page.Next.Project, page.Next.Path)
}
