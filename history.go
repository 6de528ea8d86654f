package myvault

import (
	"context"
	"iter"
)

// VersionsPage is a part of the history of a secret, newest version first. While More is true
// the history goes on below Next, the oldest version of the page.
type VersionsPage struct {
	Items []Info
	Next  Version
	More  bool
}

// VersionsPage returns up to limit (1 to 1000) versions of what Versions yields: those older
// than before, or the newest ones if before is 0.
func (s *Session) VersionsPage(ctx context.Context, addr Address, before Version, limit int) (VersionsPage, error) {
	var page VersionsPage
	err := validateLimit(limit)
	if err == nil {
		page.Items, page.More, err = firstVersions(s.versions(ctx, addr, before), limit)
	}
	if err != nil {
		return VersionsPage{}, fail("versions", Address{}, err)
	}
	if n := len(page.Items); n > 0 {
		page.Next = page.Items[n-1].Version
	}
	return page, nil
}

// ProjectsPage returns up to limit (1 to 1000) of what Projects yields: those behind the name
// after, or the first ones if it is "". Page.Next has the name of the last one.
func (s *Session) ProjectsPage(ctx context.Context, after string, limit int) (Page[Project], error) {
	var page Page[Project]
	if after != "" {
		after += "\x00" // the least string behind it
	}
	err := validateLimit(limit)
	if err == nil {
		page.Items, page.More, err = s.projects(ctx, after, limit)
	}
	if err != nil {
		return Page[Project]{}, fail("list projects", Address{}, err)
	}
	if n := len(page.Items); n > 0 {
		page.Next = Address{Project: page.Items[n-1].Name}
	}
	return page, nil
}

// firstVersions returns up to limit items of seq, and whether there are more.
func firstVersions(seq iter.Seq2[Info, error], limit int) (items []Info, more bool, err error) {
	for item, err := range seq {
		if err != nil {
			return nil, false, err
		}
		if len(items) == limit {
			return items, true, nil
		}
		items = append(items, item)
	}
	return items, false, nil
}
