package providertest

import (
	"errors"
	"fmt"
	"time"

	"github.com/myswiftagent/myvault"
)

func only(conditions []myvault.Condition) (c myvault.Condition) {
	if len(conditions) > 0 {
		c = conditions[0]
	}
	return c
}

func put(addr, value string, conditions ...myvault.Condition) myvault.Change {
	return myvault.Change{Op: myvault.OpPut, Address: at(addr), Value: myvault.Text(value), If: only(conditions)}
}

func remove(addr string, conditions ...myvault.Condition) myvault.Change {
	return myvault.Change{Op: myvault.OpDelete, Address: at(addr), If: only(conditions)}
}

func undelete(addr string) myvault.Change {
	return myvault.Change{Op: myvault.OpUndelete, Address: at(addr)}
}

func destroy(addr string, versions ...myvault.Version) myvault.Change {
	return myvault.Change{Op: myvault.OpDestroy, Address: at(addr), Versions: versions}
}

func project(name, description string, conditions ...myvault.Condition) myvault.Change {
	return myvault.Change{
		Op: myvault.OpPutProject, If: only(conditions),
		Project: myvault.Project{Name: name, Description: description},
	}
}

func makeDefault(name string) myvault.Change {
	return myvault.Change{Op: myvault.OpDefaultProject, Project: myvault.Project{Name: name}}
}

func removeProject(name string) myvault.Change {
	return myvault.Change{Op: myvault.OpDeleteProject, Project: myvault.Project{Name: name}}
}

// target is the address that the entry of a change names.
func target(c myvault.Change) myvault.Address {
	if c.Address == (myvault.Address{}) {
		return myvault.Address{Project: c.Project.Name}
	}
	return c.Address
}

// entry is one as a vault writes it.
func entry(when time.Time, action string, addr myvault.Address) myvault.Entry {
	return myvault.Entry{
		At: when, Service: by, Via: "embedded", Request: "r-1", Action: action, Address: addr,
		Outcome: myvault.OutcomeOK, Count: 1, First: when, Last: when,
	}
}

// commit makes one of the changes, at the next moment, with their entries where the
// provider keeps them.
func (s *stage) commit(changes ...myvault.Change) myvault.Commit {
	n := s.commits.Add(1) - 1
	c := myvault.Commit{Changes: changes, By: by, At: begin.Add(time.Duration(n) * 1001 * time.Microsecond)}
	if _, ok := s.p.(myvault.Trail); ok {
		for _, change := range changes {
			c.Entries = append(c.Entries, entry(c.At, change.Op.String(), target(change)))
		}
	}
	return c
}

// apply commits the changes together. Any goroutine may use it.
func (s *stage) apply(changes ...myvault.Change) ([]myvault.Info, error) {
	return s.p.Apply(s.ctx, s.commit(changes...))
}

// do commits the changes one after another and gives what came of the last.
func (s *stage) do(changes ...myvault.Change) (last myvault.Info) {
	for _, change := range changes {
		last = s.doAll(change)[0]
	}
	return last
}

// doAll commits the changes together.
func (s *stage) doAll(changes ...myvault.Change) []myvault.Info {
	infos, err := s.apply(changes...)
	s.succeeds(describe(changes), err)
	if len(infos) != len(changes) {
		s.failf("%s: got %d infos for %d changes", describe(changes), len(infos), len(changes))
	}
	return infos
}

// fill commits many changes, together where the provider can.
func (s *stage) fill(changes []myvault.Change) {
	if _, err := s.apply(changes...); errors.Is(err, errors.ErrUnsupported) {
		s.do(changes...)
	} else {
		s.succeeds(fmt.Sprintf("a commit of %d changes", len(changes)), err)
	}
}

// refuses commits the changes together and wants that error.
func (s *stage) refuses(want error, changes ...myvault.Change) {
	_, err := s.apply(changes...)
	s.fails(describe(changes), err, want)
}

func describe(changes []myvault.Change) string {
	if len(changes) != 1 {
		return fmt.Sprintf("a commit of %d changes", len(changes))
	}
	return fmt.Sprintf("%v %v", changes[0].Op, target(changes[0]))
}

// get reads a version.
func (s *stage) get(addr string, version myvault.Version) myvault.Secret {
	secret, err := s.p.Get(s.ctx, at(addr), version)
	s.succeeds(fmt.Sprintf("get version %d of %s", version, addr), err)
	return secret
}

// reads wants that value in a version.
func (s *stage) reads(addr string, version myvault.Version, want string) {
	if got := s.get(addr, version).Value.Reveal(); got != want {
		s.failf("get version %d of %s: got %s, want %s", version, addr, shown(got), shown(want))
	}
}

func shown(value string) string {
	if len(value) <= 40 {
		return fmt.Sprintf("%q", value)
	}
	return fmt.Sprintf("%d bytes that begin with %q", len(value), value[:10])
}

// hides wants that error from reading a version.
func (s *stage) hides(want error, addr string, version myvault.Version) {
	_, err := s.p.Get(s.ctx, at(addr), version)
	s.fails(fmt.Sprintf("get version %d of %s", version, addr), err, want)
}

// history wants those versions, newest first, as "2 live", "1 destroyed".
func (s *stage) history(addr string, want ...string) {
	var got []string
	for _, info := range s.versions(addr) {
		got = append(got, fmt.Sprintf("%d %v", info.Version, info.State))
	}
	sameList(s, "versions of "+addr, got, want)
}

func (s *stage) versions(addr string) []myvault.Info {
	return collect(s, "versions of "+addr, s.p.Versions(s.ctx, at(addr), 0))
}

// lists wants those addresses in the range.
func (s *stage) lists(r myvault.ListOptions, want ...string) {
	sameList(s, "list", s.listed(r), want)
}

func (s *stage) listed(r myvault.ListOptions) []string {
	var got []string
	for _, info := range collect(s, "list", s.p.List(s.ctx, r)) {
		got = append(got, info.Address.String())
	}
	return got
}

// under gives the range of a prefix.
func under(project, path string) myvault.ListOptions {
	return myvault.ListOptions{Prefix: myvault.Prefix{Project: project, Path: path}}
}

func (s *stage) projects() []myvault.Project {
	return collect(s, "projects", s.p.Projects(s.ctx, ""))
}

// registered wants those projects; the default one has a star before its name.
func (s *stage) registered(want ...string) {
	var got []string
	for _, project := range s.projects() {
		name := project.Name
		if project.Default {
			name = "*" + name
		}
		got = append(got, name)
	}
	sameList(s, "projects", got, want)
}

// project gives the one of that name.
func (s *stage) project(name string) myvault.Project {
	for _, project := range s.projects() {
		if project.Name == name {
			return project
		}
	}
	s.failf("project %s is not registered", name)
	return myvault.Project{}
}

// record appends entries of reads.
func (s *stage) record(entries ...myvault.Entry) {
	s.succeeds("record", s.p.(myvault.Trail).Record(s.ctx, entries...))
}

// entries gives those in the range.
func (s *stage) entries(r myvault.TrailFilter) []myvault.Entry {
	return collect(s, "entries", s.p.(myvault.Trail).Entries(s.ctx, r))
}

// trail wants those entries, newest first, as "changes 2 write newsbot/a".
func (s *stage) trail(r myvault.TrailFilter, want ...string) {
	var got []string
	for _, e := range s.entries(r) {
		got = append(got, fmt.Sprintf("%s %d %s %v", e.Chain, e.Seq, e.Action, e.Address))
	}
	sameList(s, "entries", got, want)
}
