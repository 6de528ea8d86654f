package providertest

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/myswiftagent/myvault"
)

func archived(name, promise string, play func(*stage), needs ...Capability) Clause {
	return clause(name, promise, play, append([]Capability{Archive}, needs...)...)
}

func (s *stage) past(ctx context.Context, addr string) iter.Seq2[myvault.Secret, error] {
	return s.p.(myvault.Archive).History(ctx, at(addr))
}

func (s *stage) whole(addr string) []myvault.Secret {
	return collect(s, "history of "+addr, s.past(s.ctx, addr))
}

// tells wants those versions with their values, newest first, as "2 live two". Of a deleted version the
// value may be missing, where the store would have to change something to read it.
func (s *stage) tells(addr string, want ...string) {
	var got []string
	for i, secret := range s.whole(addr) {
		text := fmt.Sprintf("%d %v %s", secret.Version, secret.State, secret.Value.Reveal())
		if secret.State == myvault.Deleted && secret.Value.Len() == 0 && i < len(want) && strings.HasPrefix(want[i], text) {
			text = want[i]
		}
		got = append(got, text)
	}
	sameList(s, "history of "+addr, got, want)
}

var archiveClauses = []Clause{
	archived("archive/values", "History yields every version with its value, the newest first.", func(s *stage) {
		s.do(put("newsbot/a", "one"), put("newsbot/b", "another"), put("newsbot/a", "two"), put("newsbot/a", "three"))
		s.tells("newsbot/a", "3 live three", "2 live two", "1 live one")
	}),
	archived("archive/infos", "What History tells of a version, besides its value, is what Versions tells.", func(s *stage) {
		dated := put("newsbot/a", "1")
		dated.Expires, dated.RotateAfter = begin.Add(time.Hour), begin.Add(time.Minute)
		s.do(dated, put("newsbot/a", "2"), destroy("newsbot/a", 2), put("newsbot/a", "3"), dated, remove("newsbot/a"))
		want := s.versions("newsbot/a")
		for i, got := range counted(s, "versions in the history", s.whole("newsbot/a"), len(want)) {
			sameInfo(s, got.Info, want[i])
		}
	}),
	archived("archive/deleted", "Of a deleted secret History yields the earlier values, and of what is deleted the value or none.", func(s *stage) {
		s.do(put("newsbot/a", "one"), put("newsbot/a", "two"), remove("newsbot/a"))
		s.tells("newsbot/a", "2 deleted two", "1 live one")
		s.do(put("newsbot/a", "three"))
		s.tells("newsbot/a", "3 live three", "2 deleted two", "1 live one")
	}),
	archived("archive/destroyed", "The value of a destroyed version is the zero one, and the version is yielded in its place.", func(s *stage) {
		s.do(put("newsbot/a", "one"), put("newsbot/a", "two"), put("newsbot/a", "three"), destroy("newsbot/a", 2))
		s.tells("newsbot/a", "3 live three", "2 destroyed ", "1 live one")
		s.do(destroy("newsbot/a"))
		s.tells("newsbot/a", "3 destroyed ", "2 destroyed ", "1 destroyed ")
	}),
	archived("archive/undeleted", "After an Undelete all values are there as before.", func(s *stage) {
		s.do(put("newsbot/a", "one"), put("newsbot/a", "two"), remove("newsbot/a"))
		s.whole("newsbot/a")
		s.do(undelete("newsbot/a"))
		s.tells("newsbot/a", "2 live two", "1 live one")
	}),
	archived("archive/changes-nothing", "History changes nothing: what is deleted stays deleted.", func(s *stage) {
		s.do(put("newsbot/a", "one"), put("newsbot/a", "two"), remove("newsbot/a"))
		s.whole("newsbot/a")
		s.hides(myvault.ErrNotFound, "newsbot/a", 0)
		s.history("newsbot/a", "2 deleted", "1 live")
		s.lists(myvault.ListOptions{})
	}),
	archived("archive/no-entry", "History leaves no entry: that is the affair of who asks.", func(s *stage) {
		s.do(put("newsbot/a", "1"))
		s.whole("newsbot/a")
		s.trail(myvault.TrailFilter{}, "changes 1 write newsbot/a")
	}, Trail),
	archived("archive/never", "The history of an address that never had a version yields ErrNotFound, once.", func(s *stage) {
		s.do(put("newsbot/a/b", "1"), project("common", ""))
		for _, addr := range []string{"newsbot/a", "newsbot/a/b/c", "common/a", "nobody/a"} {
			s.fails("history of "+addr, onlyError(s, "history", s.past(s.ctx, addr)), myvault.ErrNotFound)
		}
	}),
	archived("archive/bytes", "Values of any bytes and any size come back.", func(s *stage) {
		values := []string{"\x00", "\xff\xfe\xc0\x80", strings.Repeat("\x01\xfe", myvault.MaxValue/2), "12345678901234567890", "値"}
		for _, value := range values {
			s.do(put("newsbot/a", value))
		}
		for i, secret := range counted(s, "versions in the history", s.whole("newsbot/a"), len(values)) {
			want := values[len(values)-1-i]
			if got := secret.Value.Reveal(); got != want {
				s.failf("version %d in the history: got %s, want %s", secret.Version, shown(got), shown(want))
			}
		}
	}),
	archived("archive/long", "A long history is yielded to its end, each version once.", func(s *stage) {
		var changes []myvault.Change
		var want []string
		for n := range 140 {
			changes = append(changes, put("newsbot/a", fmt.Sprint("value ", n+1)))
			want = append([]string{fmt.Sprintf("%d live value %d", n+1, n+1)}, want...)
		}
		s.fill(changes)
		s.tells("newsbot/a", want...)
	}),
	archived("archive/body", "The body of a loop over History may write, and leave.", func(s *stage) {
		s.plenty()
		mindful(s, "history", func() iter.Seq2[myvault.Secret, error] { return s.past(s.ctx, "newsbot/a") }, func() error {
			_, err := s.apply(put("newsbot/a", "from the body"))
			return err
		})
		s.reads("newsbot/a", 0, "from the body")
	}),
	archived("archive/again", "The iterator of History can be run again, and then yields what is there by then.", func(s *stage) {
		s.do(put("newsbot/a", "1"))
		seq := s.past(s.ctx, "newsbot/a")
		counted(s, "versions in the history", collect(s, "history", seq), 1)
		s.do(put("newsbot/a", "2"))
		counted(s, "versions in the history", collect(s, "history", seq), 2)
	}),
	archived("archive/cancelled", "History with a cancelled context yields its error, once.", func(s *stage) {
		s.do(put("newsbot/a", "1"), put("newsbot/a", "2"))
		s.fails("history", onlyError(s, "history", s.past(s.cancelled(), "newsbot/a")), context.Canceled)
	}),
	archived("archive/closed", "History after Close yields ErrClosed, once.", func(s *stage) {
		s.closed()
		s.fails("history", onlyError(s, "history", s.past(s.ctx, "newsbot/a")), myvault.ErrClosed)
	}),
}

func sameInfo(s *stage, got, want myvault.Info) {
	what := fmt.Sprintf("version %d in the history: ", want.Version)
	same(s, what+"address", got.Address, want.Address)
	same(s, what+"number", got.Version, want.Version)
	same(s, what+"state", got.State, want.State)
	same(s, what+"author", got.By, want.By)
	sameTime(s, what+"time", got.At, want.At)
	sameTime(s, what+"end", got.Expires, want.Expires)
	sameTime(s, what+"rotation", got.RotateAfter, want.RotateAfter)
}

func limited(name, promise string, play func(*stage, myvault.Limits)) Clause {
	return clause(name, promise, func(s *stage) { play(s, s.limits()) }, Limited)
}

func (s *stage) limits() myvault.Limits { return s.p.(myvault.Limited).Limits() }

var limitedClauses = []Clause{
	limited("limited/projects", "As many projects as Limits tells can be registered, and not one more.", func(s *stage, l myvault.Limits) {
		same(s, "limit of projects", l.Projects, s.maxProjects())
		s.crowd(l.Projects)
		s.refuses(myvault.ErrTooLarge, project("one more", ""))
	}),
	limited("limited/versions", "As many versions as Limits tells are kept of a secret; without a limit, all.", func(s *stage, l myvault.Limits) {
		n := 140
		if l.Versions != 0 {
			n = min(n, l.Versions) // a higher limit is not reached in a test
		}
		var changes []myvault.Change
		for i := range n {
			changes = append(changes, put("newsbot/a", fmt.Sprint(i+1)))
		}
		s.fill(changes)
		s.reads("newsbot/a", 1, "1")
		counted(s, "versions", s.versions("newsbot/a"), n)
	}),
	limited("limited/steady", "Limits stay what they are, whatever the store holds.", func(s *stage, l myvault.Limits) {
		s.do(put("newsbot/a", "1"), put("newsbot/a", "2"), remove("newsbot/a"), removeProject("newsbot"), project("common", ""))
		same(s, "limits", s.limits(), l)
	}),
}
