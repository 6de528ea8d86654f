package providertest

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/myswiftagent/myvault"
)

func archiveClause(name, promise string, run func(*scenario), needs ...Capability) Clause {
	return clause(name, promise, run, append([]Capability{Archive}, needs...)...)
}

func (s *scenario) historyOf(ctx context.Context, addr string) iter.Seq2[myvault.Secret, error] {
	return s.p.(myvault.Archive).History(ctx, address(addr))
}

func (s *scenario) allHistory(addr string) []myvault.Secret {
	return collect(s, "history of "+addr, s.historyOf(s.ctx, addr))
}

// wantHistory checks the versions and values of an address, newest first, such as "2 live two". The
// value of a deleted version may be missing, because some stores would have to undelete it first.
func (s *scenario) wantHistory(addr string, want ...string) {
	var got []string
	for i, secret := range s.allHistory(addr) {
		text := fmt.Sprintf("%d %v %s", secret.Version, secret.State, secret.Value.Reveal())
		if secret.State == myvault.Deleted && secret.Value.Len() == 0 && i < len(want) && strings.HasPrefix(want[i], text) {
			text = want[i]
		}
		got = append(got, text)
	}
	wantList(s, "history of "+addr, got, want)
}

var archiveClauses = []Clause{
	archiveClause("archive/values", "History yields every version with its value, newest first.", func(s *scenario) {
		s.do(put("newsbot/a", "one"), put("newsbot/b", "another"), put("newsbot/a", "two"), put("newsbot/a", "three"))
		s.wantHistory("newsbot/a", "3 live three", "2 live two", "1 live one")
	}),
	archiveClause("archive/infos", "Apart from the value, History yields the same information as Versions.", func(s *scenario) {
		dated := put("newsbot/a", "1")
		dated.Expires, dated.RotateAfter = startTime.Add(time.Hour), startTime.Add(time.Minute)
		s.do(dated, put("newsbot/a", "2"), destroy("newsbot/a", 2), put("newsbot/a", "3"), dated, remove("newsbot/a"))
		want := s.versions("newsbot/a")
		for i, got := range wantLen(s, "versions in the history", s.allHistory("newsbot/a"), len(want)) {
			wantInfo(s, got.Info, want[i])
		}
	}),
	archiveClause("archive/deleted", "History of a deleted secret yields the values of earlier versions, and of the deleted version its value or none.", func(s *scenario) {
		s.do(put("newsbot/a", "one"), put("newsbot/a", "two"), remove("newsbot/a"))
		s.wantHistory("newsbot/a", "2 deleted two", "1 live one")
		s.do(put("newsbot/a", "three"))
		s.wantHistory("newsbot/a", "3 live three", "2 deleted two", "1 live one")
	}),
	archiveClause("archive/destroyed", "History yields a destroyed version in its position, with the zero value.", func(s *scenario) {
		s.do(put("newsbot/a", "one"), put("newsbot/a", "two"), put("newsbot/a", "three"), destroy("newsbot/a", 2))
		s.wantHistory("newsbot/a", "3 live three", "2 destroyed ", "1 live one")
		s.do(destroy("newsbot/a"))
		s.wantHistory("newsbot/a", "3 destroyed ", "2 destroyed ", "1 destroyed ")
	}),
	archiveClause("archive/undeleted", "After an Undelete, History yields all values as before.", func(s *scenario) {
		s.do(put("newsbot/a", "one"), put("newsbot/a", "two"), remove("newsbot/a"))
		s.allHistory("newsbot/a")
		s.do(undelete("newsbot/a"))
		s.wantHistory("newsbot/a", "2 live two", "1 live one")
	}),
	archiveClause("archive/changes-nothing", "History changes nothing: deleted secrets stay deleted.", func(s *scenario) {
		s.do(put("newsbot/a", "one"), put("newsbot/a", "two"), remove("newsbot/a"))
		s.allHistory("newsbot/a")
		s.wantGetError(myvault.ErrNotFound, "newsbot/a", 0)
		s.wantVersions("newsbot/a", "2 deleted", "1 live")
		s.wantListed(myvault.ListOptions{})
	}),
	archiveClause("archive/no-entry", "History records no entry in the trail: its caller does.", func(s *scenario) {
		s.do(put("newsbot/a", "1"))
		s.allHistory("newsbot/a")
		s.wantEntries(myvault.TrailFilter{}, "changes 1 write newsbot/a")
	}, Trail),
	archiveClause("archive/missing", "History of an address that never had a version yields ErrNotFound, once.", func(s *scenario) {
		s.do(put("newsbot/a/b", "1"), project("common", ""))
		for _, addr := range []string{"newsbot/a", "newsbot/a/b/c", "common/a", "nobody/a"} {
			s.wantError("history of "+addr, onlyError(s, "history", s.historyOf(s.ctx, addr)), myvault.ErrNotFound)
		}
	}),
	archiveClause("archive/bytes", "Values of any bytes and any size are returned unchanged.", func(s *scenario) {
		values := []string{"\x00", "\xff\xfe\xc0\x80", strings.Repeat("\x01\xfe", myvault.MaxValue/2), "12345678901234567890", "値"}
		for _, value := range values {
			s.do(put("newsbot/a", value))
		}
		for i, secret := range wantLen(s, "versions in the history", s.allHistory("newsbot/a"), len(values)) {
			want := values[len(values)-1-i]
			if got := secret.Value.Reveal(); got != want {
				s.failf("version %d in the history: got %s, want %s", secret.Version, quoted(got), quoted(want))
			}
		}
	}),
	archiveClause("archive/long", "A long history is yielded completely, each version once.", func(s *scenario) {
		var changes []myvault.Change
		var want []string
		for n := range 140 {
			changes = append(changes, put("newsbot/a", fmt.Sprint("value ", n+1)))
			want = append([]string{fmt.Sprintf("%d live value %d", n+1, n+1)}, want...)
		}
		s.fill(changes)
		s.wantHistory("newsbot/a", want...)
	}),
	archiveClause("archive/loop-body", "The body of a loop over History may write, and break.", func(s *scenario) {
		s.putSeveral()
		checkLoopBody(s, "history", func() iter.Seq2[myvault.Secret, error] { return s.historyOf(s.ctx, "newsbot/a") }, func() error {
			_, err := s.apply(put("newsbot/a", "from the body"))
			return err
		})
		s.wantValue("newsbot/a", 0, "from the body")
	}),
	archiveClause("archive/repeat", "The iterator of History can be used again, and then sees later changes.", func(s *scenario) {
		s.do(put("newsbot/a", "1"))
		seq := s.historyOf(s.ctx, "newsbot/a")
		wantLen(s, "versions in the history", collect(s, "history", seq), 1)
		s.do(put("newsbot/a", "2"))
		wantLen(s, "versions in the history", collect(s, "history", seq), 2)
	}),
	archiveClause("archive/canceled", "History with a canceled context yields its error, once.", func(s *scenario) {
		s.do(put("newsbot/a", "1"), put("newsbot/a", "2"))
		s.wantError("history", onlyError(s, "history", s.historyOf(s.canceled(), "newsbot/a")), context.Canceled)
	}),
	archiveClause("archive/closed", "History after Close yields ErrClosed, once.", func(s *scenario) {
		s.putAndClose()
		s.wantError("history", onlyError(s, "history", s.historyOf(s.ctx, "newsbot/a")), myvault.ErrClosed)
	}),
}

func wantInfo(s *scenario, got, want myvault.Info) {
	what := fmt.Sprintf("version %d in the history: ", want.Version)
	wantEqual(s, what+"address", got.Address, want.Address)
	wantEqual(s, what+"number", got.Version, want.Version)
	wantEqual(s, what+"state", got.State, want.State)
	wantEqual(s, what+"author", got.By, want.By)
	wantTime(s, what+"time", got.At, want.At)
	wantTime(s, what+"end", got.Expires, want.Expires)
	wantTime(s, what+"rotation", got.RotateAfter, want.RotateAfter)
}

func limitedClause(name, promise string, run func(*scenario, limits)) Clause {
	return clause(name, promise, func(s *scenario) { run(s, s.limits()) }, Limited)
}

// limits are the results of [myvault.Limited.Limits].
type limits struct{ projects, versions int }

func (s *scenario) limits() limits {
	projects, versions := s.p.(myvault.Limited).Limits()
	return limits{projects, versions}
}

var limitedClauses = []Clause{
	limitedClause("limited/projects", "Exactly as many projects as Limits reports can be registered.", func(s *scenario, l limits) {
		wantEqual(s, "limit of projects", l.projects, s.maxProjects())
		s.registerUpTo(l.projects)
		s.wantRefused(myvault.ErrTooLarge, project("one more", ""))
	}),
	limitedClause("limited/versions", "As many versions of a secret as Limits reports are kept; without a limit, all.", func(s *scenario, l limits) {
		n := 140
		if l.versions != 0 {
			n = min(n, l.versions) // a higher limit is not reached in a test
		}
		var changes []myvault.Change
		for i := range n {
			changes = append(changes, put("newsbot/a", fmt.Sprint(i+1)))
		}
		s.fill(changes)
		s.wantValue("newsbot/a", 1, "1")
		wantLen(s, "versions", s.versions("newsbot/a"), n)
	}),
	limitedClause("limited/constant", "Limits do not depend on the contents of the store.", func(s *scenario, l limits) {
		s.do(put("newsbot/a", "1"), put("newsbot/a", "2"), remove("newsbot/a"), removeProject("newsbot"), project("common", ""))
		wantEqual(s, "limits", s.limits(), l)
	}),
}
