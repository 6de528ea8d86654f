package myvault

// TrailActions returns the actions that a filter may name.
var TrailActions = trailActions

// MaxSight is the most steps that one call takes to tell which projects are visible.
const MaxSight = maxSight

// Sight tells which of the projects are visible to the session, in one call, and the steps of that.
func Sight(s *Session, projects ...string) (seen []string, steps int) {
	policy := s.vault.policy.Load()
	sight := rights{policy, policy.services[s.service], s.limits}.sight()
	for _, project := range projects {
		if sight.sees(project) {
			seen = append(seen, project)
		}
	}
	return seen, maxSight - sight.left
}

// Between returns the position of a page that ends between two addresses.
var Between = between
